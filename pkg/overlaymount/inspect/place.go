package inspect

import (
	"errors"

	"github.com/directfs/runsc/pkg/overlaymount"
	"golang.org/x/sys/unix"
)

// place is a directory in one mount.
type place struct {
	overlaymount.Identity
	mount uint64
}

// look identifies an open file.
func look(fd int) (place, unix.Statx_t, error) { return lookAt(fd, "", unix.AT_EMPTY_PATH) }

func lookAt(dir int, name string, flags int) (place, unix.Statx_t, error) {
	var st unix.Statx_t
	err := unix.Statx(dir, name, flags|unix.AT_STATX_DONT_SYNC, unix.STATX_TYPE|unix.STATX_INO|unix.STATX_MNT_ID, &st)
	if err != nil {
		return place{}, st, err
	}
	id := overlaymount.Identity{Device: unix.Mkdev(st.Dev_major, st.Dev_minor), Inode: st.Ino}
	return place{id, st.Mnt_id}, st, nil
}

// open opens a name as O_PATH does, but has it mounted first where that is done
// on demand (autofs(5)), as it will be when the layers are opened for the mount.
func open(dir int, name string) (int, error) {
	fd, err := unix.OpenTree(dir, name, unix.OPEN_TREE_CLOEXEC)
	if errors.Is(err, unix.ENOSYS) || errors.Is(err, unix.EPERM) { // a filter of system calls
		fd, err = unix.Openat(dir, name, unix.O_PATH|unix.O_CLOEXEC, 0)
	}
	return fd, err
}

// walkUp returns what is above a directory: the way up to the root, which leaves
// a mount where ".." does, and the directories above the root of each such mount
// in its file system, which the way up does not meet if it is a bind mount. The
// kernel compares layers by the latter (fs/overlayfs/super.c,
// ovl_check_overlapping_layers); a file that two paths lead to is one by either.
func (r *Reader) walkUp(fd int, at place) []overlaymount.Identity {
	if all, ok := r.above[at]; ok {
		return all
	}
	all := []overlaymount.Identity{}
	r.above[at] = all // where two mounts are below each other
	up, err := unix.Openat(fd, "..", unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return all
	}
	defer unix.Close(up)
	parent, _, err := look(up)
	if err != nil {
		return all
	}
	if parent.mount != at.mount || parent == at {
		all = append(all, r.aboveMount(at)...)
	}
	if parent != at {
		all = append(all, parent.Identity)
		all = append(all, r.walkUp(up, parent)...)
	}
	r.above[at] = all
	return all
}

// aboveMount returns what is above the root of a mount in its file system, as
// far as another mount of it shows that.
func (r *Reader) aboveMount(root place) []overlaymount.Identity {
	for _, name := range r.table.aliases(root.mount) {
		fd, err := unix.Open(name, unix.O_PATH|unix.O_CLOEXEC, 0)
		if err != nil {
			continue
		}
		at, _, err := look(fd)
		if err == nil && at.Identity == root.Identity && at.mount != root.mount {
			all := r.walkUp(fd, at)
			unix.Close(fd)
			return all
		}
		unix.Close(fd)
	}
	return nil
}
