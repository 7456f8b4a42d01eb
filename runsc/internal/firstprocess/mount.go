package firstprocess

import (
	"fmt"
	"os"
	"path"
	"strings"

	"golang.org/x/sys/unix"
)

// mountAll mounts the overlays and what is below them, and removes all that was
// staged. root is the container's root directory. The working directory is
// anywhere afterwards.
func mountAll(root int, overlays []Overlay) error {
	for _, o := range overlays {
		if err := o.mount(root); err != nil {
			return fmt.Errorf("overlay mount %q: %w", o.Target, err)
		}
	}
	return nil
}

// mount works from within the staging directory, which it keeps as its working
// directory while the overlay covers it.
func (o Overlay) mount(root int) error {
	staging, err := openStaging(o.Target)
	if err != nil {
		return err
	}
	defer unix.Close(staging)
	if err := o.knowsAll(staging); err != nil {
		return err
	}
	// With the staging directory as its root the process has short absolute
	// names for the layers, of which five hundred must fit into one page.
	if err := enter(staging, staging); err != nil {
		return err
	}
	late := o.Flags.ReadOnly && o.Writable && len(o.Nested) > 0
	flags := o.Flags.bits()
	if late {
		flags &^= unix.MS_RDONLY // until the mount points are made
	}
	if err := unix.Mount("overlay", ".", "overlay", flags, o.data()); err != nil {
		return fmt.Errorf("mount: %w", err)
	}
	if err := enter(root, staging); err != nil {
		return err
	}
	if err := o.bindNested(); err != nil {
		return err
	}
	if late {
		if err := unix.Mount("", o.Target, "", flags|unix.MS_RDONLY|unix.MS_REMOUNT, ""); err != nil {
			return fmt.Errorf("make read-only: %w", err)
		}
	}
	return unstage()
}

// openStaging opens the in-memory file system at the destination. Anything else
// is not for the first process to touch.
func openStaging(target string) (int, error) {
	fd, err := unix.Open(target, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return -1, fmt.Errorf("open staging directory: %w", err)
	}
	var fs unix.Statfs_t
	if err := unix.Fstatfs(fd, &fs); err != nil || fs.Type != unix.TMPFS_MAGIC {
		unix.Close(fd)
		return -1, fmt.Errorf("staging directory is on a file system of type %#x, must be tmpfs (%#x): %v", fs.Type, unix.TMPFS_MAGIC, err)
	}
	return fd, nil
}

// knowsAll refuses a staging directory with something in it that nobody spoke of:
// it would be gone when the overlay is there.
func (o Overlay) knowsAll(staging int) error {
	known := map[string]bool{ProgramName: true, ReportName: true, UpperName: o.Writable}
	for i := range o.Lowers {
		known[LowerName(i)] = true
	}
	for i := range o.Nested {
		known[NestedName(i)] = true
	}
	dir, err := unix.Openat(staging, ".", unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return fmt.Errorf("open staging directory: %w", err)
	}
	all := os.NewFile(uintptr(dir), o.Target)
	defer all.Close()
	names, err := all.Readdirnames(-1)
	if err != nil {
		return fmt.Errorf("read staging directory: %w", err)
	}
	for _, name := range names {
		if !known[name] {
			return fmt.Errorf("%q is there before the overlay, and would be lost: does a symbolic link lead a mount into the overlay? Write its destination without links", name)
		}
	}
	return nil
}

// enter changes the root and the working directory of the process.
func enter(root, cwd int) error {
	if err := unix.Fchdir(root); err != nil {
		return fmt.Errorf("fchdir: %w", err)
	}
	if err := unix.Chroot("."); err != nil {
		return fmt.Errorf("chroot: %w", err)
	}
	if err := unix.Fchdir(cwd); err != nil {
		return fmt.Errorf("fchdir: %w", err)
	}
	return nil
}

// data is the mount's options. Where layers are gofer mounts nobody can set
// trusted attributes; the layers get those of the other kind in any case, so
// that what wrote them is never in doubt.
func (o Overlay) data() string {
	lowers := make([]string, o.Lowers)
	for i := range lowers {
		lowers[i] = "/" + LowerName(i)
	}
	data := "userxattr,lowerdir=" + strings.Join(lowers, ":")
	if o.Writable {
		data += ",upperdir=/" + UpperName // the engine needs no work directory
	}
	return data
}

func (f MountFlags) bits() uintptr {
	var bits uintptr
	for _, b := range []struct {
		set bool
		bit uintptr
	}{
		{f.ReadOnly, unix.MS_RDONLY}, {f.NoSUID, unix.MS_NOSUID}, {f.NoDev, unix.MS_NODEV},
		{f.NoExec, unix.MS_NOEXEC}, {f.NoATime, unix.MS_NOATIME},
	} {
		if b.set {
			bits |= b.bit
		}
	}
	return bits
}

// bindNested puts the mounts that are below the overlay into place.
func (o Overlay) bindNested() error {
	for i, target := range o.Nested {
		source := NestedName(i)
		if err := makeMountPoint(source, target); err != nil {
			return fmt.Errorf("mount point %q: %w", target, err)
		}
		if err := unix.Mount(source, target, "", unix.MS_BIND|unix.MS_REC, ""); err != nil {
			return fmt.Errorf("mount %q: %w", target, err)
		}
	}
	return nil
}

// makeMountPoint makes what the source is: a directory, or else a file.
func makeMountPoint(source, target string) error {
	var st unix.Stat_t
	if err := unix.Stat(source, &st); err != nil {
		return err
	}
	if st.Mode&unix.S_IFMT == unix.S_IFDIR {
		return os.MkdirAll(target, 0o755)
	}
	if err := os.MkdirAll(path.Dir(target), 0o755); err != nil {
		return err
	}
	fd, err := unix.Open(target, unix.O_CREAT|unix.O_EXCL|unix.O_WRONLY|unix.O_CLOEXEC, 0o644)
	if err == unix.EEXIST {
		return nil
	}
	if err != nil {
		return err
	}
	return unix.Close(fd)
}

// unstage removes all that is in the working directory: mounts, and the mount
// points under them. What the overlay needs, it keeps.
func unstage() error {
	entries, err := os.ReadDir(".")
	if err != nil {
		return fmt.Errorf("read staging directory: %w", err)
	}
	for _, e := range entries {
		if err := unix.Unmount(e.Name(), unix.MNT_DETACH|unix.UMOUNT_NOFOLLOW); err != nil {
			return fmt.Errorf("unmount %q in staging directory: %w", e.Name(), err)
		}
		if err := os.Remove(e.Name()); err != nil {
			return fmt.Errorf("staging directory: %w", err)
		}
	}
	return nil
}
