package gofer

import (
	"errors"
	"fmt"

	"golang.org/x/sys/unix"
)

// A mount in no namespace, which open_tree(2) makes, cannot itself be copied
// before Linux 6.15 (EINVAL). So what is to be copied is attached first, in a
// directory aside: an empty tmpfs on top of the process's root, which no path
// leads to.

// makeAside returns an FD of such a directory.
func makeAside() (int, error) {
	fd, err := emptyTree()
	if err != nil {
		return -1, err
	}
	if err := unix.MoveMount(fd, "", unix.AT_FDCWD, "/", unix.MOVE_MOUNT_F_EMPTY_PATH); err != nil {
		return -1, fmt.Errorf("making room for mounts: %w", errors.Join(err, unix.Close(fd)))
	}
	return fd, nil
}

// removeAside unmounts what is in the directory, and that.
func removeAside(aside int) error {
	return wrap("removing mounts set aside", unix.Unmount(fmt.Sprintf("/proc/self/fd/%d", aside), unix.MNT_DETACH))
}

// setAside moves a mount, with what is mounted in it and on top of it, out of
// the mount that it is in, which for a hook's doing may be any.
func setAside(mount, aside int, name string, directory bool) error {
	point, err := makePoint(aside, name, directory)
	if err != nil {
		return err
	}
	defer unix.Close(point)
	return unix.MoveMount(mount, "", point, "", unix.MOVE_MOUNT_F_EMPTY_PATH|unix.MOVE_MOUNT_T_EMPTY_PATH)
}

// makePoint makes a mount point and returns an FD of it.
func makePoint(dir int, name string, directory bool) (int, error) {
	if !directory {
		return unix.Openat(dir, name, unix.O_CREAT|unix.O_EXCL|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0o600)
	}
	if err := unix.Mkdirat(dir, name, 0o700); err != nil {
		return -1, err
	}
	return unix.Openat(dir, name, unix.O_PATH|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
}

// copyTree copies an attached mount with all that is in it.
func copyTree(mount int) (int, error) {
	return unix.OpenTree(mount, "", unix.OPEN_TREE_CLONE|unix.OPEN_TREE_CLOEXEC|unix.AT_EMPTY_PATH|unix.AT_RECURSIVE)
}

// copyTwice makes two copies of one that is detached, which is gone then.
func copyTwice(tree int, directory bool) (first, second int, err error) {
	aside, err := makeAside()
	if err != nil {
		return -1, -1, err
	}
	defer unix.Close(aside)
	first, second = -1, -1
	if err = setAside(tree, aside, "0", directory); err == nil {
		first, err = copyTree(tree)
	}
	if err == nil {
		second, err = copyTree(tree)
	}
	if err = errors.Join(err, removeAside(aside)); err != nil {
		closeAll([]int{first, second})
		return -1, -1, err
	}
	return first, second, nil
}
