package gofer

import (
	"fmt"
	"slices"
	"strconv"

	"github.com/directfs/runsc/runsc/internal/engine"
	specs "github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"
	"gvisor.dev/gvisor/pkg/log"
)

// runHooks runs the createContainer hooks, which find the container's rootfs at
// spec.Root.Path with all mounts in their places, and may mount things there.
// The connections' copies are then taken again with what the hooks mounted in
// them. Mounts are known by FD, and all are set aside before one is copied, so
// that none is in another's copy whatever the hooks covered or moved.
//
// The engine runs none where the rootfs is an image
// (runsc/cmd/sandboxsetup/gofer_mount.go:256).
func runHooks(spec *specs.Spec, id, bundle string, conns []connection) error {
	if !engine.HasCreateContainerHooks(spec) {
		return nil
	}
	if len(conns) == 0 || !conns[0].isRootfs() {
		log.Warningf("createContainer hooks are not run: the rootfs is an image")
		return nil
	}
	all := conns
	conns = slices.DeleteFunc(slices.Clone(all), func(c connection) bool { return c.isPart() })
	defer func() {
		// A part of an overlay is nowhere yet. The others have other copies now.
		i := 0
		for j := range all {
			if !all[j].isPart() {
				all[j].tree = conns[i].tree
				i++
			}
		}
	}()
	if err := restrict(forHooks(conns)); err != nil {
		return err
	}
	shown := make([]int, 0, len(conns))
	defer func() { closeAll(shown) }()
	for i := range conns {
		fd, err := conns[i].show(spec.Root.Path, shown)
		if err != nil {
			return fmt.Errorf("showing mount %q to hooks: %w", conns[i].path, err)
		}
		shown = append(shown, fd)
	}
	before, err := look(conns, shown)
	if err != nil {
		return err
	}
	if err := withoutFDs(func() error { return engine.RunCreateContainerHooks(spec, id, bundle) }); err != nil {
		return fmt.Errorf("createContainer hooks: %w", err)
	}
	return takeBack(conns, shown, before)
}

// forHooks are the connections as hooks may use them. They prepare the rootfs
// also where the container must not write to it, or an overlay takes what it
// writes; the engine makes it read-only after them
// (runsc/cmd/sandboxsetup/gofer_mount.go:242).
func forHooks(conns []connection) []connection {
	all := slices.Clone(conns)
	all[0].ReadOnly = false
	return all
}

// show mounts the connection's copy where hooks look for it and returns an FD
// of it. Until lift takes another, the copy is that mount. before are the FDs of
// the connections before this one; the first is the rootfs's. The root directory
// of the process is there as it is: what is mounted on it is not seen.
func (c *connection) show(rootfs string, before []int) (int, error) {
	if c.isRootfs() && rootfs == "/" {
		return unix.Open("/", unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	}
	fd, err := unix.FcntlInt(uintptr(c.tree), unix.F_DUPFD_CLOEXEC, 0)
	if err != nil {
		return -1, err
	}
	dir, name := unix.AT_FDCWD, rootfs
	if c.mount != nil {
		// A place has no links in it. One that is there now is somebody's who
		// shares a mount, and would choose where hooks see this one.
		how := unix.OpenHow{Flags: unix.O_PATH | unix.O_CLOEXEC, Resolve: unix.RESOLVE_IN_ROOT | unix.RESOLVE_NO_SYMLINKS}
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

// takeBack takes the connections' copies from what the hooks saw, the rootfs
// last. The mounts that it was shown in are left to the end of the namespace.
func takeBack(conns []connection, shown []int, before views) error {
	// A hook may have made mounts shared, which cannot be moved.
	if err := unix.Mount("", "/", "", unix.MS_SLAVE|unix.MS_REC, ""); err != nil {
		return fmt.Errorf("making the mounts of hooks slaves: %w", err)
	}
	aside, err := makeAside()
	if err != nil {
		return err
	}
	defer unix.Close(aside)
	for i := 1; i < len(conns); i++ {
		if err := setAside(shown[i], aside, strconv.Itoa(i), conns[i].directory); err != nil {
			return fmt.Errorf("taking mount %q back from hooks (did a hook unmount it?): %w", conns[i].path, err)
		}
	}
	now, err := look(conns, shown)
	if err != nil {
		return err
	}
	if err := checkViews(conns, before, now); err != nil {
		return err
	}
	for i := len(conns) - 1; i >= 0; i-- {
		if i == 0 {
			if err := removeAside(aside); err != nil {
				return err
			}
		}
		if err := conns[i].lift(shown[i]); err != nil {
			return fmt.Errorf("taking mount %q back from hooks: %w", conns[i].path, err)
		}
	}
	return nil
}

// lift replaces the connection's copy with one of what the hooks saw.
func (c *connection) lift(shown int) error {
	fd, err := copyTree(shown)
	if err != nil {
		return fmt.Errorf("copying it: %w", err)
	}
	unix.Close(c.tree)
	c.tree = fd
	return nil
}
