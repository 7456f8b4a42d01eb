package gofer

import (
	"os"
	"strconv"

	"golang.org/x/sys/unix"
)

// withoutFDs runs hooks that do not inherit the FDs that this process was
// started with. A hook may leave a process running: the sandbox process would
// wait for that to close the pipe of the mounts, and not see the gofer's end.
func withoutFDs(hooks func() error) error {
	inherited, err := inheritedFDs()
	if err != nil {
		return err
	}
	for _, fd := range inherited {
		unix.CloseOnExec(fd)
	}
	err = hooks()
	for _, fd := range inherited {
		// The process may execute itself again.
		if _, e := unix.FcntlInt(uintptr(fd), unix.F_SETFD, 0); e != nil && err == nil {
			err = os.NewSyscallError("fcntl", e)
		}
	}
	return err
}

// inheritedFDs are the FDs, besides the standard ones, that stay open when the
// process executes a program.
func inheritedFDs() ([]int, error) {
	dir, err := os.Open("/proc/self/fd")
	if err != nil {
		return nil, err
	}
	defer dir.Close()
	names, err := dir.Readdirnames(-1)
	if err != nil {
		return nil, err
	}
	var all []int
	for _, name := range names {
		fd, err := strconv.Atoi(name)
		if err != nil || fd <= unix.Stderr {
			continue
		}
		if flags, err := unix.FcntlInt(uintptr(fd), unix.F_GETFD, 0); err == nil && flags&unix.FD_CLOEXEC == 0 {
			all = append(all, fd)
		}
	}
	return all, nil
}
