package harness

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/sys/unix"
)

// maxWalk bounds how many directories Reachable looks at. The trees of a test
// are far smaller; a process whose FDs lead to more is not isolated at all.
const maxWalk = 20000

// Reachable returns the destinations of the bundle's mounts whose root can be
// reached from the directories that a process has open, by ".." and by names:
// what openat(2) gives a process that no filter restrains to the directories it
// was meant to stay in.
//
// A magic link in /proc/pid/fd leads into the mount tree of that FD, and ".."
// from there leads up in that tree, even from outside (path_resolution(7)).
func (b *Bundle) Reachable(pid int) ([]string, error) {
	fds, err := DirFDs(pid)
	if err != nil {
		return nil, err
	}
	known, err := b.directories()
	if err != nil {
		return nil, err
	}
	w := walk{known: known, seen: map[place]bool{}, found: map[string]bool{}}
	for _, fd := range fds {
		// From above, the directory itself may be covered by another mount.
		held := fmt.Sprintf("/proc/%d/fd/%d", pid, fd.FD)
		top, err := topOf(held)
		if err != nil {
			return nil, err
		}
		for _, dir := range []string{top, held + "/."} {
			if err := w.down(dir); err != nil {
				return nil, err
			}
		}
	}
	reached := []string{}
	for d := range w.found {
		reached = append(reached, d)
	}
	slices.Sort(reached)
	return reached, nil
}

// place is a directory as one mount shows it: the same directory seen through
// another mount may lead elsewhere.
type place struct {
	mount uint64
	inode inode
}

func placeOf(dir string) (place, error) {
	var st unix.Statx_t
	if err := unix.Statx(unix.AT_FDCWD, dir, 0, unix.STATX_INO|unix.STATX_MNT_ID, &st); err != nil {
		return place{}, fmt.Errorf("statx %s: %w", dir, err)
	}
	return place{st.Mnt_id, inode{unix.Mkdev(st.Dev_major, st.Dev_minor), st.Ino}}, nil
}

// topOf goes up until that changes nothing any more.
func topOf(dir string) (string, error) {
	dir += "/."
	here, err := placeOf(dir)
	if err != nil {
		return "", err
	}
	for {
		up, err := placeOf(dir + "/..")
		if err != nil || up == here {
			return dir, err
		}
		dir, here = dir+"/..", up
	}
}

type walk struct {
	known map[inode]location
	seen  map[place]bool
	found map[string]bool
}

// down visits the directory and all below it. It leaves out proc and sysfs,
// which have no files of the host's in them.
func (w *walk) down(dir string) error {
	p, err := placeOf(dir)
	if err != nil || w.seen[p] {
		return err
	}
	if w.seen[p] = true; len(w.seen) > maxWalk {
		return fmt.Errorf("more than %d directories can be reached: %s", maxWalk, dir)
	}
	if at, ok := w.known[p.inode]; ok && at.rel == "." {
		w.found[at.destination] = true
	}
	var fs unix.Statfs_t
	if err := unix.Statfs(dir, &fs); err != nil {
		return fmt.Errorf("statfs %s: %w", dir, err)
	}
	if fs.Type == unix.PROC_SUPER_MAGIC || fs.Type == unix.SYSFS_MAGIC {
		return nil
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	for _, e := range entries {
		if e.IsDir() {
			// Not filepath.Join, which would take ".." for a name that it may
			// cancel out.
			if err := w.down(strings.TrimSuffix(dir, "/") + string(filepath.Separator) + e.Name()); err != nil {
				return err
			}
		}
	}
	return nil
}
