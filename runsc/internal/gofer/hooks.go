package gofer

import (
	"fmt"

	"github.com/directfs/runsc/runsc/internal/engine"
	specs "github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"
	"gvisor.dev/gvisor/pkg/log"
)

// runHooks runs the createContainer hooks, which find the container's rootfs at
// spec.Root.Path with all mounts in their places, and may mount things there.
// The connections' copies are then taken again with what the hooks mounted in
// them. Mounts are known by FD, and each is taken away before the one that it
// was mounted in is copied.
//
// It reports whether there was anything to run. The engine runs none where the
// rootfs is an image (runsc/cmd/sandboxsetup/gofer_mount.go:256).
func runHooks(spec *specs.Spec, id, bundle string, conns []connection) (bool, error) {
	if !engine.HasCreateContainerHooks(spec) {
		return false, nil
	}
	if len(conns) == 0 || !conns[0].isRootfs() {
		log.Warningf("createContainer hooks are not run: the rootfs is an image")
		return false, nil
	}
	shown := make([]int, 0, len(conns))
	defer func() { closeAll(shown) }()
	for i := range conns {
		fd, err := conns[i].show(spec.Root.Path, shown)
		if err != nil {
			return true, fmt.Errorf("showing mount %q to hooks: %w", conns[i].path, err)
		}
		shown = append(shown, fd)
	}
	if err := engine.RunCreateContainerHooks(spec, id, bundle); err != nil {
		return true, fmt.Errorf("createContainer hooks: %w", err)
	}
	for i := len(shown) - 1; i >= 0; i-- {
		if err := conns[i].lift(shown[i]); err != nil {
			return true, fmt.Errorf("taking mount %q back from hooks: %w", conns[i].path, err)
		}
	}
	return true, nil
}

// show mounts a copy of the connection's copy where hooks look for it and
// returns its FD. before are those of the connections before this one; the first
// is the rootfs's. The root directory of the process is there as it is: what is
// mounted on it is not seen.
func (c *connection) show(rootfs string, before []int) (int, error) {
	if c.isRootfs() && rootfs == "/" {
		return unix.Open("/", unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	}
	fd, err := unix.OpenTree(c.tree, "", unix.OPEN_TREE_CLONE|unix.OPEN_TREE_CLOEXEC|unix.AT_EMPTY_PATH|unix.AT_RECURSIVE)
	if err != nil {
		return -1, err
	}
	dir, name := unix.AT_FDCWD, rootfs
	if c.mount != nil {
		how := unix.OpenHow{Flags: unix.O_PATH | unix.O_CLOEXEC, Resolve: unix.RESOLVE_IN_ROOT | unix.RESOLVE_NO_MAGICLINKS}
		point, err := unix.Openat2(before[0], c.path, &how)
		if err != nil {
			unix.Close(fd)
			return -1, err
		}
		defer unix.Close(point)
		dir, name = point, ""
	}
	if err := unix.MoveMount(fd, "", dir, name, unix.MOVE_MOUNT_F_EMPTY_PATH|unix.MOVE_MOUNT_T_EMPTY_PATH|unix.MOVE_MOUNT_T_SYMLINKS); err != nil {
		unix.Close(fd)
		return -1, err
	}
	return fd, nil
}

// lift takes the connection's copy from what the hooks saw, and that away. The
// mounts that the rootfs was shown in are left to the end of the namespace.
func (c *connection) lift(shown int) error {
	fd, err := unix.OpenTree(shown, "", unix.OPEN_TREE_CLONE|unix.OPEN_TREE_CLOEXEC|unix.AT_EMPTY_PATH|unix.AT_RECURSIVE)
	if err != nil {
		return fmt.Errorf("copying it (did a hook unmount it?): %w", err)
	}
	unix.Close(c.tree)
	c.tree = fd
	if c.isRootfs() {
		return nil
	}
	return unix.Unmount(fmt.Sprintf("/proc/self/fd/%d", shown), unix.MNT_DETACH)
}
