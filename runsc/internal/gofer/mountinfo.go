package gofer

import (
	"bufio"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// mountEntry is a line of mountinfo (proc(5), /proc/pid/mountinfo).
type mountEntry struct {
	id     uint64
	parent uint64 // the mount in which it is mounted
	point  string // where it is mounted, in the process's root

	// origin is what is mounted: the device, and the directory of its file
	// system that is the mount's root. A copy of a mount has the same.
	origin string
}

func readMounts() ([]mountEntry, error) {
	file, err := os.Open("/proc/self/mountinfo")
	if err != nil {
		return nil, err
	}
	defer file.Close()
	var out []mountEntry
	s := bufio.NewScanner(file)
	s.Buffer(nil, 1<<20)
	for s.Scan() {
		e, err := parseMount(s.Text())
		if err != nil {
			return nil, err
		}
		out = append(out, e)
	}
	return out, s.Err()
}

func parseMount(line string) (mountEntry, error) {
	// ID parent major:minor root mount-point options ...
	f := strings.Fields(line)
	if len(f) < 6 {
		return mountEntry{}, fmt.Errorf("mountinfo line %q has too few fields", line)
	}
	id, err := strconv.ParseUint(f[0], 10, 64)
	if err != nil {
		return mountEntry{}, fmt.Errorf("mountinfo line %q: %w", line, err)
	}
	parent, err := strconv.ParseUint(f[1], 10, 64)
	if err != nil {
		return mountEntry{}, fmt.Errorf("mountinfo line %q: %w", line, err)
	}
	return mountEntry{id: id, parent: parent, point: unescape(f[4]), origin: f[2] + " " + f[3]}, nil
}

// unescape undoes the kernel's octal escapes of white space and backslash.
var unescape = strings.NewReplacer(`\040`, " ", `\011`, "\t", `\012`, "\n", `\134`, `\`).Replace

// removeCopies unmounts, below place, every copy of the given mounts. Copies
// are known by what they show and not by where they are, because a container
// that shares the file system may rename directories at the same time.
func removeCopies(place string, ids []uint64) error {
	const tries = 8
	for range tries {
		mounts, err := readMounts()
		if err != nil {
			return fmt.Errorf("reading mounts: %w", err)
		}
		origins := map[string]bool{}
		for _, m := range mounts {
			if slices.Contains(ids, m.id) {
				origins[m.origin] = true
			}
		}
		var copies []string
		for _, m := range mounts {
			if origins[m.origin] && strings.HasPrefix(m.point, place+"/") {
				copies = append(copies, m.point)
			}
		}
		if len(copies) == 0 {
			return nil
		}
		// The first ones take what is below along.
		for _, point := range copies {
			// One that is gone by now is not found in the next round.
			_ = unix.Unmount(point, unix.MNT_DETACH|unix.UMOUNT_NOFOLLOW)
		}
	}
	return fmt.Errorf("other mounts of the container keep appearing below it; is a running container renaming directories there?")
}
