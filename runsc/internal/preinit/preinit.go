// Package preinit does what the processes of the runtime can do before the
// packages of the engine are initialised, which takes some seven milliseconds:
//
//   - The process that only unmounts procfs for the sandbox does so and exits.
//   - The gofer and the sandbox process give up capabilities of their bounding
//     set while that costs no more than system calls.
//   - The sandbox process makes its table of FDs as large as it will be.
//
// Nothing but time depends on it: where it finds something other than what it
// knows, it does nothing, and the engine does all of it later.
//
// Go initialises packages in the order of their import paths, each after those
// that it imports (https://go.dev/ref/spec#Package_initialization). This one
// comes before all of the engine's that take long, because it imports next to
// nothing; a test watches over it.
package preinit

import (
	"os"

	"github.com/directfs/runsc/runsc/internal/supervise/socket"
	"golang.org/x/sys/unix"
)

func init() {
	if len(os.Args) == 0 {
		return
	}
	// The names that the engine's client gives to its processes
	// (runsc/container/container.go:1561, runsc/sandbox/sandbox.go:982).
	switch os.Args[0] {
	case "runsc-gofer":
		trim(socket.Gofer)
	case "runsc-sandbox":
		trim(socket.Sandbox)
		// At these numbers it keeps its standard streams
		// (runsc/boot/loader.go:699).
		go GrowFDTable(256)
	default:
		if fd, dir, ok := unmountArgs(os.Args); ok {
			os.Exit(unmount(fd, dir))
		}
	}
}

// GrowFDTable makes room for an FD with this number. When a process with threads
// grows its table, the kernel waits for all CPUs (fs/file.c, expand_fdtable),
// some ten milliseconds, for which whoever needs the number would have to wait.
func GrowFDTable(number int) {
	if fd, err := unix.FcntlInt(0, unix.F_DUPFD_CLOEXEC, number); err == nil {
		unix.Close(fd)
	}
}
