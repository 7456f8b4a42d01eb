package inspect

import (
	"bufio"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// initialUserNamespace is the inode of the one that the kernel starts with
// (include/linux/proc_ns.h, PROC_USER_INIT_INO).
const initialUserNamespace = 0xEFFFFFFD

func inUserNamespace() bool {
	info, err := os.Stat("/proc/thread-self/ns/user")
	if err != nil {
		return false
	}
	st, ok := info.Sys().(*syscall.Stat_t)
	return ok && st.Ino != initialUserNamespace
}

// noOverlay says why the kernel certainly has no overlay file system. It may load
// one when it is asked to mount it, unless it cannot load modules.
func noOverlay(proc string) string {
	known, err := os.ReadFile(filepath.Join(proc, "filesystems"))
	if err != nil || strings.Contains(string(known), "\toverlay\n") {
		return ""
	}
	const missing = "the kernel has no overlay file system (/proc/filesystems)"
	if _, err := os.Stat(filepath.Join(proc, "modules")); errors.Is(err, fs.ErrNotExist) {
		return missing + ", and loads no modules"
	}
	if off, err := os.ReadFile(filepath.Join(proc, "sys/kernel/modules_disabled")); err == nil && strings.TrimSpace(string(off)) == "1" {
		return missing + ", and loads no modules any more (kernel.modules_disabled)"
	}
	return ""
}

// lockedFile is a file as proc_locks(5) has it: the device is the file system's,
// which on btrfs is not that of stat(2).
type lockedFile struct {
	major, minor uint32
	inode        uint64
}

// locked is how a place is called in the list of locks.
func (t *table) locked(at place) lockedFile {
	if m := t.byID[at.mount]; m != nil {
		return lockedFile{uint32(m.Major), uint32(m.Minor), at.Inode}
	}
	return lockedFile{unix.Major(at.Device), unix.Minor(at.Device), at.Inode}
}

// readLocks returns who holds a lock of flock(2) on which file. Processes of
// other PID namespaces are not in the list.
func readLocks(file string) map[lockedFile]string {
	all := map[lockedFile]string{}
	f, err := os.Open(file)
	if err != nil {
		return all
	}
	defer f.Close()
	for s := bufio.NewScanner(f); s.Scan(); {
		if at, pid, ok := parseLock(s.Text()); ok && all[at] == "" {
			all[at] = process(pid)
		}
	}
	return all
}

// parseLock reads a line as "1: FLOCK  ADVISORY  WRITE 4711 fe:00:1234 0 EOF". Who
// only waits has "->" before the kind.
func parseLock(line string) (at lockedFile, pid int, ok bool) {
	f := strings.Fields(line)
	if len(f) < 6 || f[1] != "FLOCK" {
		return at, 0, false
	}
	pid, err := strconv.Atoi(f[4])
	if err != nil {
		return at, 0, false
	}
	n, err := fmt.Sscanf(f[5], "%x:%x:%d", &at.major, &at.minor, &at.inode)
	return at, pid, err == nil && n == 3
}

// process names a process for people.
func process(pid int) string {
	comm, err := os.ReadFile(fmt.Sprintf("/proc/%d/comm", pid))
	if err != nil {
		return fmt.Sprintf("process %d", pid)
	}
	return fmt.Sprintf("process %d (%q)", pid, strings.TrimSuffix(string(comm), "\n"))
}
