package verify

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/directfs/runsc/runsc/internal/isolation"
	"github.com/moby/sys/mountinfo"
	"golang.org/x/sys/unix"
)

// tree is what one mount of a container is served from: the copy of its source
// with all mounts in it, the copy's root first.
type tree struct {
	id     fileID
	mounts []*mountinfo.Info
}

// kept is what a gofer keeps open of the namespace in which the donated
// directories are: FDs of the namespace, and of directories by their mounts.
type kept struct {
	namespaces []int
	dirs       map[int]int
}

// keptBy opens what the gofer has open.
func keptBy(pid int) (kept, error) {
	k := kept{dirs: map[int]int{}}
	dir := fmt.Sprintf("/proc/%d/fd", pid)
	entries, err := os.ReadDir(dir)
	if err != nil {
		return k, err
	}
	for _, e := range entries {
		link := filepath.Join(dir, e.Name())
		target, err := os.Readlink(link)
		if gone(err) {
			continue // closed in the meantime
		}
		if err == nil && strings.HasPrefix(target, "mnt:[") {
			var fd int
			if fd, err = unix.Open(link, unix.O_RDONLY|unix.O_CLOEXEC, 0); err == nil {
				k.namespaces = append(k.namespaces, fd)
			}
		} else if err == nil {
			err = k.keepDir(link)
		}
		if err != nil {
			return k, fmt.Errorf("looking at %s: %w", link, err)
		}
	}
	return k, nil
}

// keepDir opens what is behind the link, if it is a directory that may be a
// wrapper: one of a tmpfs.
func (k kept) keepDir(link string) error {
	fd, err := openDir(unix.AT_FDCWD, link, 0)
	if gone(err) || err == unix.ENOTDIR {
		return nil
	}
	if err != nil {
		return err
	}
	var st unix.Statfs_t
	if err := unix.Fstatfs(fd, &st); err != nil || st.Type != unix.TMPFS_MAGIC {
		unix.Close(fd)
		return err
	}
	here, err := lookAt(fd, "", unix.AT_EMPTY_PATH)
	if _, again := k.dirs[int(here.mount)]; err != nil || again {
		unix.Close(fd)
		return err
	}
	k.dirs[int(here.mount)] = fd
	return nil
}

func (k kept) close() {
	for _, fd := range k.namespaces {
		unix.Close(fd)
	}
	for _, fd := range k.dirs {
		unix.Close(fd)
	}
}

// readTrees reads the trees of the donated directories of a gofer, in the order
// of its connections. They are in a mount namespace without processes, which
// has no mount table in /proc: a thread of this process enters it for as long
// as the look lasts. That gives nobody access who has not got it: to this
// thread's namespace, it takes the right to trace this process (ptrace(2)).
func readTrees(pid int) ([]tree, error) {
	k, err := keptBy(pid)
	defer k.close()
	if err != nil || len(k.namespaces) == 0 {
		return nil, err
	}
	table := map[int]*mountinfo.Info{}
	err = isolation.OnOwnThread(func() error { return k.enter(table) })
	if err != nil {
		return nil, fmt.Errorf("looking into the mount namespace of the donated directories (it takes CAP_SYS_ADMIN and CAP_SYS_CHROOT): %w", err)
	}
	return k.trees(table)
}

// enter reads the mounts that are seen from the directories, as those of the
// thread's own root. From the lowest wrapper all are seen; from the others, and
// from a copy, which may be of a tmpfs as well, only some, by other paths.
func (k kept) enter(table map[int]*mountinfo.Info) error {
	proc, err := openDir(unix.AT_FDCWD, "/proc", 0)
	if err != nil {
		return err
	}
	defer unix.Close(proc)
	// The root directory is the thread's own from here on.
	if err := unix.Unshare(unix.CLONE_FS); err != nil {
		return err
	}
	for _, ns := range k.namespaces {
		if err := unix.Setns(ns, unix.CLONE_NEWNS); err != nil {
			return err
		}
		var all []*mountinfo.Info
		for _, dir := range k.dirs {
			if err := unix.Fchdir(dir); err != nil {
				return err
			}
			if err := unix.Chroot("."); err != nil {
				return err
			}
			list, err := readMounts(proc, "thread-self/mountinfo")
			if err != nil {
				return err
			}
			if len(list) > len(all) {
				all = list
			}
		}
		for _, m := range all {
			table[m.ID] = m
		}
	}
	return nil
}

// readMounts reads a mount table (proc_pid_mountinfo(5)).
func readMounts(dir int, name string) ([]*mountinfo.Info, error) {
	fd, err := unix.Openat(dir, name, unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, err
	}
	file := os.NewFile(uintptr(fd), name)
	defer file.Close()
	return mountinfo.GetMountsFromReader(file, nil)
}

// trees takes the mounts apart. The wrappers are mounted on top of each other in
// the order of the connections, each has a copy in it, and what is on top of
// all has none.
func (k kept) trees(table map[int]*mountinfo.Info) ([]tree, error) {
	below := map[int][]*mountinfo.Info{}
	var first []*mountinfo.Info
	for _, m := range table {
		if _, inside := table[m.Parent]; inside && m.Parent != m.ID {
			below[m.Parent] = append(below[m.Parent], m)
		} else {
			first = append(first, m)
		}
	}
	var all []tree
	for _, wrapper := range first {
		for wrapper != nil {
			var t tree
			var next *mountinfo.Info
			for _, m := range below[wrapper.ID] {
				if m.Mountpoint == "/"+isolation.CopyName {
					t.mounts = append(t.mounts, m)
				} else {
					next = m
				}
			}
			for i := 0; i < len(t.mounts); i++ {
				t.mounts = append(t.mounts, below[t.mounts[i].ID]...)
			}
			if dir, has := k.dirs[wrapper.ID]; has && len(t.mounts) > 0 {
				p, err := lookAt(dir, isolation.CopyName, unix.AT_SYMLINK_NOFOLLOW)
				if err != nil {
					return nil, err
				}
				t.id = p.id
			}
			if len(t.mounts) > 0 || next != nil {
				all = append(all, t)
			}
			wrapper = next
		}
	}
	return all, nil
}

// openDir opens for walking only. It moves no automounter and changes no time
// stamp.
func openDir(dir int, name string, flags int) (int, error) {
	return unix.Openat(dir, name, unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC|flags, 0)
}
