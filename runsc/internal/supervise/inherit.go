package supervise

import (
	"os"

	"golang.org/x/sys/unix"
)

// MakeRoom grows the process's table of FDs, in the background. When a process
// with threads does that, the kernel waits for all CPUs (fs/file.c,
// expand_fdtable), some ten milliseconds, for which Start would have to wait
// where a container has more than a few mounts.
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
	n, err := unix.FcntlInt(uintptr(fd), unix.F_DUPFD, number(mounts, openFDs()))
	if err != unix.EINVAL {
		return n, err
	}
	var limit unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &limit); err != nil {
		return 0, err
	}
	return unix.FcntlInt(uintptr(fd), unix.F_DUPFD, int(limit.Cur)-4)
}

// number is the lowest number that will do, of those that every process has
// room for if that is enough. open FDs may be donated (--pass-fd) and so count
// twice; the rest is what the engine was seen to open and to donate, with every
// log, profile and overlay turned on. A client whose sandbox process did not
// find its socket is to say so.
func number(mounts, open int) int {
	const (
		first    = 62 // of 64 (NR_OPEN_DEFAULT); there are two sockets
		engine   = 12
		perMount = 5
		far      = 256
	)
	if 2*open+engine+perMount*mounts <= first {
		return first
	}
	return far + 6*mounts
}

// openFDs counts the FDs of this process, or all that a small table holds.
func openFDs() int {
	entries, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		return 64
	}
	return len(entries)
}
