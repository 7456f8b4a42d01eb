package inspect

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// LockedFile is a file as proc_locks(5) has it: the device is the file system's,
// which on btrfs is not that of stat(2).
type LockedFile struct {
	Major, Minor uint32
	Inode        uint64
}

// locked is how a place is called in the list of locks.
func (t *table) locked(at place) LockedFile {
	if m := t.byID[at.mount]; m != nil {
		return LockedFile{uint32(m.Major), uint32(m.Minor), at.Inode}
	}
	return LockedFile{unix.Major(at.Device), unix.Minor(at.Device), at.Inode}
}

// readLocks returns the process that took the lock of flock(2) on each file.
// Processes of other PID namespaces are not in the list.
func readLocks(file string) map[LockedFile]int {
	all := map[LockedFile]int{}
	f, err := os.Open(file)
	if err != nil {
		return all
	}
	defer f.Close()
	for s := bufio.NewScanner(f); s.Scan(); {
		if l, ok := parseLock(s.Text()); ok && all[l.at] == 0 {
			all[l.at] = l.pid
		}
	}
	return all
}

// lock is one of flock(2).
type lock struct {
	at        LockedFile
	pid       int // of who took it, who may have ended and left the file to others
	exclusive bool
}

// parseLock reads a line as "1: FLOCK  ADVISORY  WRITE 4711 fe:00:1234 0 EOF". Who
// only waits has "->" before the kind.
func parseLock(line string) (l lock, ok bool) {
	f := strings.Fields(line)
	if len(f) < 6 || f[1] != "FLOCK" {
		return l, false
	}
	var err error
	if l.pid, err = strconv.Atoi(f[4]); err != nil {
		return l, false
	}
	l.exclusive = f[3] == "WRITE"
	n, err := fmt.Sscanf(f[5], "%x:%x:%d", &l.at.Major, &l.at.Minor, &l.at.Inode)
	return l, err == nil && n == 3
}

// HeldLocks returns the files on which a process holds a lock of flock(2), whoever
// took it (proc_pid_fdinfo(5), lock), and whether that is an exclusive one.
func HeldLocks(pid int) (map[LockedFile]bool, error) {
	dir := fmt.Sprintf("/proc/%d/fdinfo", pid)
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	all := map[LockedFile]bool{}
	for _, e := range entries {
		text, err := os.ReadFile(dir + "/" + e.Name())
		if errors.Is(err, os.ErrNotExist) {
			continue // closed in the meantime
		}
		if err != nil {
			return nil, err
		}
		for line := range strings.Lines(string(text)) {
			shown, isLock := strings.CutPrefix(line, "lock:")
			if l, ok := parseLock(shown); isLock && ok {
				all[l.at] = all[l.at] || l.exclusive
			}
		}
	}
	return all, nil
}
