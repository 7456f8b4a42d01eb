package gofer

import (
	"fmt"
	"os"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
	"gvisor.dev/gvisor/runsc/cmd/sandboxsetup"
)

const detachedPlace = wrapperDir + "/" + copyName

// makeWrapper mounts the wrapper, and the directory of magic links in the
// directory that is to be the gofer's root.
func makeWrapper() error {
	links := servedDir + "/" + linksName
	for _, dir := range []string{servedDir, links, wrapperDir} {
		if err := os.Mkdir(dir, 0o755); err != nil {
			return err
		}
	}
	if err := unix.Mount(sandboxsetup.ProcFDBindMount, links, "", unix.MS_BIND, ""); err != nil {
		return fmt.Errorf("binding the directory of FDs: %w", err)
	}
	const flags = unix.MS_NOSUID | unix.MS_NODEV | unix.MS_NOEXEC
	if err := unix.Mount("directfs", wrapperDir, "tmpfs", flags, "size=4k,nr_inodes=4,mode=0555"); err != nil {
		return fmt.Errorf("mounting the wrapper: %w", err)
	}
	if err := os.Mkdir(detachedPlace, 0o555); err != nil {
		return err
	}
	if err := unix.Mount("", wrapperDir, "", unix.MS_PRIVATE, ""); err != nil {
		return fmt.Errorf("making the wrapper private: %w", err)
	}
	if err := unix.Mount("", wrapperDir, "", flags|unix.MS_BIND|unix.MS_REMOUNT|unix.MS_RDONLY, ""); err != nil {
		return fmt.Errorf("making the wrapper read-only: %w", err)
	}
	return nil
}

// detach turns the wrapper, with the copy in it, into a tree of its own and
// empties the wrapper. It returns the path of the copy in the gofer's root.
func detach() (string, error) {
	tree, err := unix.OpenTree(unix.AT_FDCWD, wrapperDir, unix.OPEN_TREE_CLONE|unix.OPEN_TREE_CLOEXEC|unix.AT_RECURSIVE)
	if err != nil {
		return "", fmt.Errorf("detaching the tree: %w", err)
	}
	defer unix.Close(tree)
	if err := unix.Unmount(detachedPlace, unix.MNT_DETACH|unix.UMOUNT_NOFOLLOW); err != nil {
		return "", fmt.Errorf("emptying the wrapper: %w", err)
	}
	// While the FD of open_tree(2) is open, the tree is in an anonymous mount
	// namespace. Whoever has a directory in it reaches its root by "..", and
	// may move it and change its flags after unshare(2) of a user and a mount
	// namespace. The kernel unmounts it, in one piece, when that FD is closed;
	// another FD keeps it usable for paths.
	fd, err := unix.Openat(tree, ".", unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return "", fmt.Errorf("opening the tree: %w", err)
	}
	return fmt.Sprintf("/%s/%d/%s", linksName, fd, copyName), nil
}

// treeFD returns the FD of the detached tree that a served path leads through.
func treeFD(served string) (int, bool) {
	f := strings.Split(served, "/")
	if len(f) != 4 || f[1] != linksName {
		return -1, false
	}
	fd, err := strconv.Atoi(f[2])
	return fd, err == nil
}
