package preinit

import (
	"fmt"
	"os"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// unmountArgs recognises the command line of the process that the engine starts
// to unmount procfs (runsc/cmd/sandboxsetup/process.go:145), in that one form.
// All other forms are left to the engine's command.
func unmountArgs(args []string) (fd int, dir string, ok bool) {
	if len(args) != 4 || args[1] != "umount" || !strings.HasPrefix(args[3], "/") {
		return 0, "", false
	}
	number, found := strings.CutPrefix(args[2], "--sync-fd=")
	fd, err := strconv.Atoi(number)
	return fd, args[3], found && err == nil && fd >= 0
}

// unmount detaches a mount as soon as a byte comes, and returns the exit status:
// what the engine's command does (runsc/cmd/sentry/sentrycmd/umount_unsafe.go:64).
func unmount(fd int, dir string) int {
	const failed = 128 // as util.Fatalf has it
	var b [1]byte
	n, err := unix.Read(fd, b[:])
	for err == unix.EINTR {
		n, err = unix.Read(fd, b[:])
	}
	if n != 1 || err != nil {
		fmt.Fprintf(os.Stderr, "unable to read from the sync descriptor: %d bytes, error %v\n", n, err)
		return failed
	}
	if err := unix.Unmount(dir, unix.MNT_DETACH); err != nil {
		fmt.Fprintf(os.Stderr, "unable to unmount %s: %v\n", dir, err)
		return failed
	}
	return 0
}
