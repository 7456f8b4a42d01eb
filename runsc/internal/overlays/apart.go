package overlays

import (
	"runtime"

	"golang.org/x/sys/unix"
)

// apart calls f in a new mount namespace, if this process may have one, or else as
// it is. The namespace is that of a thread that ends with f; what f mounts and
// attaches nowhere lasts as long as its FD.
func apart(f func()) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		// Not unlocked: the thread must not run anything else (runtime.LockOSThread).
		runtime.LockOSThread()
		_ = unix.Unshare(unix.CLONE_NEWNS)
		f()
	}()
	<-done
}
