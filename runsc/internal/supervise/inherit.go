package supervise

import (
	"os"
	"slices"
	"strconv"

	"golang.org/x/sys/unix"
)

// inheritable duplicates an FD to a number that fork and exec leave alone: the
// standard library puts donated files at the numbers from 3 on, and moves
// those in its way to numbers above all of them. Under a low limit it takes the
// highest number that is free.
func inheritable(fd, number int) (int, error) {
	n, err := unix.FcntlInt(uintptr(fd), unix.F_DUPFD, number)
	if err != unix.EINVAL && err != unix.EMFILE {
		return n, err
	}
	var limit unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &limit); err != nil {
		return 0, err
	}
	for lowest := int(limit.Cur) - 1; lowest > unix.Stderr; lowest-- {
		if n, err = unix.FcntlInt(uintptr(fd), unix.F_DUPFD, lowest); err != unix.EMFILE {
			break
		}
	}
	return n, err
}

// number is the lowest number for the first of two sockets that will do, of
// those that every process has room for if that is enough. FDs that are open
// may be donated (--pass-fd): they count twice, and none may be so close below
// the sockets that what is moved to numbers above it reaches them. The rest is
// what the engine was seen to open and to donate, with every log, profile and
// overlay turned on. A client whose sandbox process did not find its socket is
// to say so.
func number(o Options, open []int) int {
	const (
		first    = 62 // of 64 (NR_OPEN_DEFAULT)
		engine   = 12
		perMount = 5
		perFile  = 2
		far      = 256
	)
	more := len(open) + engine + perMount*o.Mounts + perFile*o.Files
	for _, n := range []int{first, far + 6*o.Mounts + perFile*o.Files} {
		near := func(fd int) bool { return fd >= n-more && fd <= n+1 }
		if len(open)+more <= n && !slices.ContainsFunc(open, near) {
			return n
		}
	}
	return slices.Max(open) + 1 + more
}

// openFDs are the FDs of this process.
func openFDs() ([]int, error) {
	entries, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		return nil, err
	}
	var fds []int
	for _, entry := range entries {
		fd, err := strconv.Atoi(entry.Name())
		if err != nil {
			return nil, err
		}
		fds = append(fds, fd)
	}
	return fds, nil
}
