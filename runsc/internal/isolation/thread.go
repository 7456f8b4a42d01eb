package isolation

import (
	"runtime"

	"golang.org/x/sys/unix"
)

// OnOwnThread runs f on a thread that ends with it, so that f may change what
// belongs to a thread. The process's first thread cannot end, and /proc/self is
// about it.
func OnOwnThread(f func() error) error {
	done := make(chan error)
	go func() {
		runtime.LockOSThread()
		if unix.Gettid() == unix.Getpid() {
			defer runtime.UnlockOSThread()
			done <- OnOwnThread(f)
			return
		}
		done <- f()
	}()
	return <-done
}
