package inspect

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
)

// goferName is what a gofer of runsc calls itself. Its last argument is the id of
// its container.
const goferName = "runsc-gofer"

// Holder names for people who has locked an open file by flock(2), as of now.
// Empty: nobody that can be seen.
func Holder(fd int) string {
	at, _, err := look(fd)
	if err != nil {
		return ""
	}
	file := readTable("/proc/thread-self/mountinfo").locked(at)
	return holder(readLocks("/proc/locks")[file], file)
}

// holder names who has a file locked, of which pid took the lock. The kernel keeps
// that number when its process has ended and left the file to others.
func holder(pid int, at LockedFile) string {
	if pid == 0 {
		return ""
	}
	if has(pid, at) {
		return process(pid)
	}
	if heir := find(at); heir != 0 {
		return process(heir)
	}
	return "another container or program, which cannot be seen from here"
}

// has reports whether a process has the file locked. Whoever cannot be asked is
// believed.
func has(pid int, at LockedFile) bool {
	held, err := HeldLocks(pid)
	_, has := held[at]
	return has || err != nil && !errors.Is(err, os.ErrNotExist)
}

// find looks for a process that has the file locked. Of some, a container's gofer
// counts: others are there for a moment only.
func find(at LockedFile) (found int) {
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return 0
	}
	for _, e := range entries {
		pid, err := strconv.Atoi(e.Name())
		if err != nil {
			continue
		}
		held, err := HeldLocks(pid)
		if _, has := held[at]; err != nil || !has {
			continue
		}
		if found = pid; container(pid) != "" {
			return pid
		}
	}
	return found
}

// process names a process, and the container that it belongs to.
func process(pid int) string {
	if id := container(pid); id != "" {
		return fmt.Sprintf("container %q (process %d)", id, pid)
	}
	comm, err := os.ReadFile(fmt.Sprintf("/proc/%d/comm", pid))
	if err != nil {
		return fmt.Sprintf("process %d", pid)
	}
	return fmt.Sprintf("process %d (%q)", pid, strings.TrimSuffix(string(comm), "\n"))
}

// container is the id of the container whose gofer a process is.
func container(pid int) string {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid))
	args := bytes.Split(bytes.TrimSuffix(text, []byte{0}), []byte{0})
	if err != nil || len(args) < 2 || string(args[0]) != goferName {
		return ""
	}
	return string(args[len(args)-1])
}
