package harness

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"

	"golang.org/x/sys/unix"
)

// HeldDir is a directory that a process has open, O_PATH included (open(2)).
type HeldDir struct {
	FD  int
	Dev uint64
	Ino uint64

	// Link is the path that the kernel shows for it. It is relative to the
	// root of another mount namespace, so it identifies nothing; Dev and Ino
	// do.
	Link string
}

// DirFDs lists the directories that a process has open, by the magic links in
// /proc/pid/fd (proc_pid_fd(5)).
func DirFDs(pid int) ([]HeldDir, error) {
	dir := fmt.Sprintf("/proc/%d/fd", pid)
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	var held []HeldDir
	for _, e := range entries {
		link := filepath.Join(dir, e.Name())
		var st unix.Stat_t
		err := unix.Stat(link, &st)
		if errors.Is(err, unix.ENOENT) {
			continue // closed in the meantime
		}
		if err != nil {
			return nil, fmt.Errorf("stat %s: %w", link, err)
		}
		if st.Mode&unix.S_IFMT != unix.S_IFDIR {
			continue
		}
		fd, err := strconv.Atoi(e.Name())
		if err != nil {
			return nil, err
		}
		target, _ := os.Readlink(link) // for people; may be gone by now
		held = append(held, HeldDir{fd, uint64(st.Dev), st.Ino, target})
	}
	return held, nil
}

// Held says which of a bundle's host directories a process has open.
type Held struct {
	// Dirs has, for each mount of which a directory is held, the paths of
	// these directories relative to the mount's source; "." is its root. The
	// keys are destinations.
	Dirs map[string][]string

	// Strangers are directories outside the bundle's rootfs and sources.
	Strangers []HeldDir
}

// Mounts returns the destinations of the mounts of which the root or anything
// below it is held, in order.
func (h Held) Mounts() []string {
	ds := []string{}
	for d := range h.Dirs {
		ds = append(ds, d)
	}
	slices.Sort(ds)
	return ds
}

// HoldsRoot reports whether the root of the mount is held.
func (h Held) HoldsRoot(destination string) bool {
	return slices.Contains(h.Dirs[destination], ".")
}

// Held finds out which directories of the bundle a process has open. Rootfs and
// sources are told apart by device and inode: the directory in the rootfs on
// which a source is mounted belongs to "/", not to the mount.
func (b *Bundle) Held(pid int) (Held, error) {
	fds, err := DirFDs(pid)
	if err != nil {
		return Held{}, err
	}
	known, err := b.directories()
	if err != nil {
		return Held{}, err
	}
	h := Held{Dirs: map[string][]string{}}
	for _, fd := range fds {
		at, ok := known[inode{fd.Dev, fd.Ino}]
		if !ok {
			h.Strangers = append(h.Strangers, fd)
			continue
		}
		if !slices.Contains(h.Dirs[at.destination], at.rel) {
			h.Dirs[at.destination] = append(h.Dirs[at.destination], at.rel)
		}
	}
	return h, nil
}

type inode struct{ dev, ino uint64 }

type location struct{ destination, rel string }

// directories indexes every directory below the rootfs and the sources. A
// source that lies below another one keeps the identity of a source of its own.
func (b *Bundle) directories() (map[inode]location, error) {
	known := map[inode]location{}
	for _, d := range b.Binds() {
		source := b.Source(d)
		err := filepath.WalkDir(source, func(path string, e fs.DirEntry, err error) error {
			if err != nil || !e.IsDir() {
				return err
			}
			var st unix.Stat_t
			if err := unix.Lstat(path, &st); err != nil {
				return err
			}
			rel, err := filepath.Rel(source, path)
			if old, ok := known[inode{uint64(st.Dev), st.Ino}]; !ok || rel == "." && old.rel != "." {
				known[inode{uint64(st.Dev), st.Ino}] = location{d, rel}
			}
			return err
		})
		if err != nil {
			return nil, fmt.Errorf("look through %s: %w", source, err)
		}
	}
	return known, nil
}
