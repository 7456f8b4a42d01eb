// Command unprivileged executes a program without CAP_SYS_ADMIN, as a
// container that is given all of root's other capabilities would.
package main

import (
	"fmt"
	"os"
	"runtime"

	"golang.org/x/sys/unix"
)

func main() {
	// The bounding set is the thread's, and limits what root gets by execve(2)
	// (capabilities(7)).
	runtime.LockOSThread()
	err := unix.Prctl(unix.PR_CAPBSET_DROP, unix.CAP_SYS_ADMIN, 0, 0, 0)
	if err == nil {
		err = unix.Exec(os.Args[1], os.Args[1:], os.Environ())
	}
	fmt.Fprintf(os.Stderr, "unprivileged: %v\n", err)
	os.Exit(1)
}
