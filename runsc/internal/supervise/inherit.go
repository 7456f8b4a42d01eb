package supervise

import "golang.org/x/sys/unix"

// MakeRoom grows the process's table of FDs, in the background. When a process
// with threads does that, the kernel waits for all CPUs (fs/file.c,
// expand_fdtable), some ten milliseconds, for which Start would have to wait.
func MakeRoom() {
	go func() {
		const enough = 1000 // for more than 100 mounts
		if fd, err := unix.FcntlInt(0, unix.F_DUPFD_CLOEXEC, enough); err == nil {
			unix.Close(fd)
		}
	}()
}

// inheritable duplicates an FD to a number that fork and exec leave alone: the
// standard library puts donated files at the numbers from 3 on, and moves
// those in its way to numbers above all of them.
func inheritable(fd, mounts int) (int, error) {
	const engine, perMount = 256, 6
	n, err := unix.FcntlInt(uintptr(fd), unix.F_DUPFD, engine+perMount*mounts)
	if err != unix.EINVAL {
		return n, err
	}
	var limit unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &limit); err != nil {
		return 0, err
	}
	return unix.FcntlInt(uintptr(fd), unix.F_DUPFD, int(limit.Cur)-4)
}
