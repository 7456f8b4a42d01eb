package gofer

import (
	"fmt"
	"os"
	"strconv"
	"strings"

	"github.com/directfs/runsc/runsc/internal/isolation"
	"golang.org/x/sys/unix"
)

// From a donated directory FD, openat(2) reaches whatever is mounted around
// the directory: ".." leaves the mount, and names lead down into the mounts
// below it. A list of what is donated is therefore not isolation. So every
// connection is served from a copy of its mount that was taken from the mount's
// source and has none of the container's other mounts in it, and a directory
// that is donated from a mount namespace that has nothing but such directories,
// each in a tree of its own:
//
//	wrapper (read-only tmpfs), mounted on the wrapper before it
//	└── d    the copy
//
// A tree is reached only through the magic link of its FD (proc(5),
// /proc/pid/fd). Above the mount there is an empty file system that covers all
// wrappers; below it, where another mount of the container would be, is
// the directory that the other mount covers. A bind's own submounts came with
// it and stay. No process is in the namespace, so that nobody can attach a tree
// somewhere, uncover what is below its mounts or make a read-only one writable.
//
// What is not donated is served from a plain path in the gofer's root, because
// the file server resolves some paths without magic links
// (runsc/fsgofer/lisafs.go:273). A file that is donated leads nowhere.
const (
	servedDir  = "/" + isolation.ServedName // becomes the gofer's root
	wrapperDir = "/tree"
)

// isolate puts the connections' copies where they are served from. It needs
// procfs and the capability to mount. The namespace of the trees lasts as long
// as the FD that is returned, or -1 if there is none.
func isolate(conns []connection) (namespace int, err error) {
	if err := makeWrapper(); err != nil {
		return -1, err
	}
	defer unix.Unmount(wrapperDir, unix.MNT_DETACH)
	var planted []*connection
	var copies []int
	for i := range conns {
		c := &conns[i]
		if c.donate && c.directory {
			planted, copies = append(planted, c), append(copies, c.tree)
			continue
		}
		if c.servedByVolume() {
			continue
		}
		if c.served, err = c.place(i); err != nil {
			return -1, fmt.Errorf("isolating mount %q: %w", c.path, err)
		}
	}
	trees, namespace, err := plant(copies)
	if err != nil {
		return -1, fmt.Errorf("isolating mounts: %w", err)
	}
	for i, c := range planted {
		c.served = servedTree(trees[i])
	}
	for i := range conns {
		unix.Close(conns[i].tree)
		conns[i].tree = -1
	}
	return namespace, nil
}

// place mounts a copy in the gofer's root and returns its path there.
func (c *connection) place(i int) (string, error) {
	place := servedDir + "/" + strconv.Itoa(i)
	if c.isReport() {
		place = servedDir + "/" + isolation.ReportName
	}
	var err error
	if c.directory {
		err = os.Mkdir(place, 0o755)
	} else {
		err = os.WriteFile(place, nil, 0o644)
	}
	if err != nil {
		return "", err
	}
	if err := unix.MoveMount(c.tree, "", unix.AT_FDCWD, place, unix.MOVE_MOUNT_F_EMPTY_PATH); err != nil {
		return "", fmt.Errorf("placing the mount: %w", err)
	}
	return strings.TrimPrefix(place, servedDir), nil
}

// emptyTree returns an FD of a directory tree with nothing in it.
func emptyTree() (int, error) {
	fs, err := unix.Fsopen("tmpfs", unix.FSOPEN_CLOEXEC)
	if err != nil {
		return -1, fmt.Errorf("making a tmpfs: %w", needsKernel(err, "5.2"))
	}
	defer unix.Close(fs)
	if err := unix.FsconfigCreate(fs); err != nil {
		return -1, fmt.Errorf("making a tmpfs: %w", err)
	}
	fd, err := unix.Fsmount(fs, unix.FSMOUNT_CLOEXEC, unix.MOUNT_ATTR_NOSUID|unix.MOUNT_ATTR_NODEV|unix.MOUNT_ATTR_NOEXEC)
	return fd, wrap("making a tmpfs", err)
}

// takeDevices takes the tree of the directory in which the engine mounted the
// host devices.
func takeDevices(conns []connection) error {
	for i := range conns {
		c := &conns[i]
		if !c.device {
			continue
		}
		// The engine makes the root unbindable, which cannot be copied
		// (runsc/cmd/sandboxsetup/gofer_mount.go:160).
		if err := unix.Mount("", "/", "", unix.MS_PRIVATE, ""); err != nil {
			return fmt.Errorf("making the root private: %w", err)
		}
		const how = unix.OPEN_TREE_CLONE | unix.OPEN_TREE_CLOEXEC | unix.AT_RECURSIVE
		fd, err := unix.OpenTree(unix.AT_FDCWD, devicesDir, how)
		if err != nil {
			return fmt.Errorf("copying the directory of devices: %w", err)
		}
		c.tree, c.directory = fd, true
		if err := restrict(conns[i : i+1]); err != nil {
			return err
		}
	}
	return nil
}
