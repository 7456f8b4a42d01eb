package gofer

import (
	"fmt"
	"os"
	"strconv"
	"strings"

	"github.com/directfs/runsc/runsc/internal/isolation"
	"golang.org/x/sys/unix"
	"gvisor.dev/gvisor/runsc/cmd/sandboxsetup"
)

// makeWrapper mounts the wrapper, and the directory of magic links in the
// directory that is to be the gofer's root.
func makeWrapper() error {
	links := servedDir + "/" + isolation.LinksName
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
	if err := os.Mkdir(wrapperDir+"/"+isolation.CopyName, 0o555); err != nil {
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

// plant makes a mount namespace without processes and puts each of the detached
// copies in a tree there. It returns the FDs of the trees and of the namespace.
//
// The wrappers are all mounted on the namespace's root, on top of each other,
// and an empty file system covers them. ".." in the root of a copy leads to the
// mount on top, and from there nowhere.
//
// Why a namespace: the kernel takes a global lock for every FD of a mount that
// is in none (fs/namespace.c, mntput_no_expire), which costs each opening of a
// file some 0.2 us even where nobody else wants the lock. In the anonymous namespace of
// open_tree(2), which would do for that, whoever has a directory of a tree may
// move the tree and change its flags after unshare(2) of a user and a mount
// namespace.
func plant(copies []int) (trees []int, namespace int, err error) {
	namespace = -1
	if len(copies) == 0 {
		return nil, namespace, nil
	}
	err = isolation.OnOwnThread(func() error {
		if namespace, err = emptyNamespace(); err != nil {
			return err
		}
		for _, fd := range copies {
			tree, err := plantOne(fd)
			if err != nil {
				return err
			}
			trees = append(trees, tree)
		}
		return addCover()
	})
	if err != nil {
		closeAll(append(trees, namespace))
		return nil, -1, err
	}
	return trees, namespace, nil
}

// emptyNamespace gives the thread a mount namespace of its own that has nothing
// but a wrapper, as its root, and returns an FD of it.
func emptyNamespace() (int, error) {
	if err := unix.Unshare(unix.CLONE_NEWNS); err != nil {
		return -1, fmt.Errorf("making a mount namespace: %w", err)
	}
	// What is unmounted here stays where it is in the namespace before.
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		return -1, fmt.Errorf("making mounts private: %w", err)
	}
	fd, err := unix.Open("/proc/thread-self/ns/mnt", unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return -1, fmt.Errorf("opening the mount namespace: %w", err)
	}
	err = unix.Chdir(wrapperDir)
	if err == nil {
		err = unix.PivotRoot(".", ".")
	}
	if err == nil {
		err = unix.Unmount(".", unix.MNT_DETACH)
	}
	if err != nil {
		unix.Close(fd)
		return -1, fmt.Errorf("emptying the mount namespace: %w", err)
	}
	return fd, nil
}

// addWrapper mounts a wrapper on top of the others and returns an FD of its
// root.
func addWrapper() (int, error) {
	w, err := unix.OpenTree(unix.AT_FDCWD, "/", unix.OPEN_TREE_CLONE|unix.OPEN_TREE_CLOEXEC)
	if err != nil {
		return -1, fmt.Errorf("copying the wrapper: %w", err)
	}
	defer unix.Close(w)
	if err := unix.MoveMount(w, "", unix.AT_FDCWD, "/", unix.MOVE_MOUNT_F_EMPTY_PATH); err != nil {
		return -1, fmt.Errorf("mounting the wrapper: %w", err)
	}
	fd, err := unix.Openat(w, ".", unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return -1, fmt.Errorf("opening the wrapper: %w", err)
	}
	return fd, nil
}

// addCover mounts an empty file system on top of all wrappers.
func addCover() error {
	const flags = unix.MS_NOSUID | unix.MS_NODEV | unix.MS_NOEXEC | unix.MS_RDONLY
	if err := unix.Mount("directfs", "/", "tmpfs", flags, "size=4k,nr_inodes=1,mode=0555"); err != nil {
		return fmt.Errorf("covering the wrappers: %w", err)
	}
	return nil
}

// plantOne puts a detached copy in a wrapper of its own.
func plantOne(copied int) (int, error) {
	fd, err := addWrapper()
	if err != nil {
		return -1, err
	}
	if err := unix.MoveMount(copied, "", fd, isolation.CopyName, unix.MOVE_MOUNT_F_EMPTY_PATH); err != nil {
		unix.Close(fd)
		return -1, fmt.Errorf("placing the mount: %w", err)
	}
	return fd, nil
}

func closeAll(fds []int) {
	for _, fd := range fds {
		if fd >= 0 {
			unix.Close(fd)
		}
	}
}

// servedTree is the path of a tree's copy in the gofer's root.
func servedTree(fd int) string {
	return fmt.Sprintf("/%s/%d/%s", isolation.LinksName, fd, isolation.CopyName)
}

// treeFD returns the FD of the tree that a served path leads through.
func treeFD(served string) (int, bool) {
	f := strings.Split(served, "/")
	if len(f) != 4 || f[1] != isolation.LinksName {
		return -1, false
	}
	fd, err := strconv.Atoi(f[2])
	return fd, err == nil
}
