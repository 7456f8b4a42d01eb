package main

import (
	"fmt"
	"unsafe"

	"golang.org/x/sys/unix"
)

// mountCalls asks for everything that moves, copies or changes mounts. The
// sandbox has no CAP_SYS_ADMIN.
func (a *attack) mountCalls() error {
	for _, fd := range append(append([]int{}, a.in.Dirs...), a.in.Files...) {
		a.mountsOf(fd)
	}
	for _, d := range a.in.Dirs {
		if err := unix.Fchdir(d); err != nil {
			a.note(err)
			continue
		}
		a.mustFail("bind of the working directory", unix.Mount(".", "/etc", "", unix.MS_BIND|unix.MS_REC, ""))
		a.mustFail("remount of the working directory", unix.Mount("", ".", "", unix.MS_BIND|unix.MS_REMOUNT, ""))
		a.mustFail("remount of the file system", unix.Mount("", ".", "", unix.MS_REMOUNT, ""))
		a.mustFail("umount of the working directory", unix.Unmount(".", unix.MNT_DETACH))
		a.mustFail("umount below", unix.Unmount("a", unix.MNT_DETACH))
		a.mustFail("pivot_root", unix.PivotRoot(".", "."))
		a.mustFail("chroot", unix.Chroot("."))
	}
	a.note(unix.Chdir("/"))
	a.newFilesystems()
	a.mustFail("unshare of the mount namespace", unix.Unshare(unix.CLONE_NEWNS))
	a.mustFail("mknod of a disk", unix.Mknod("/disk", unix.S_IFBLK|0o600, int(unix.Mkdev(254, 0))))
	for _, d := range a.in.Dirs {
		a.mustFail("mknodat of a disk", unix.Mknodat(d, "disk", unix.S_IFBLK|0o600, int(unix.Mkdev(254, 0))))
	}
	return nil
}

// mountsOf asks for copies of the FD's mount, its attachment elsewhere and
// other flags, and the same from above it.
func (a *attack) mountsOf(fd int) {
	for _, rel := range []string{"", ".", "..", "../.."} {
		what := fmt.Sprintf("FD %d %q", fd, rel)
		flags := uint(unix.AT_EMPTY_PATH)
		_, err := unix.OpenTree(fd, rel, unix.OPEN_TREE_CLONE|flags)
		a.mustFail("open_tree of "+what, err)
		_, err = unix.OpenTree(fd, rel, unix.OPEN_TREE_CLONE|unix.AT_RECURSIVE|flags)
		a.mustFail("recursive open_tree of "+what, err)
		a.mustFail("move_mount of "+what, unix.MoveMount(fd, rel, unix.AT_FDCWD, "/etc", unix.MOVE_MOUNT_F_EMPTY_PATH))
		for _, attr := range []unix.MountAttr{{Attr_clr: unix.MOUNT_ATTR_RDONLY}, {Propagation: unix.MS_SHARED}} {
			for _, depth := range []uint{0, unix.AT_RECURSIVE} {
				a.mustFail("mount_setattr of "+what, unix.MountSetattr(fd, rel, flags|depth, &attr))
			}
		}
		a.mustFail("fspick of "+what, fspick(fd, rel))
	}
}

// fspick asks for other options of the file system (fspick(2)). What counts is
// the last step, which is about the file system's owner.
func fspick(fd int, path string) error {
	p, err := unix.BytePtrFromString(path)
	if err != nil {
		return err
	}
	const emptyPath, reconfigure = 8, 7
	picked, _, errno := unix.Syscall(unix.SYS_FSPICK, uintptr(fd), uintptr(unsafe.Pointer(p)), emptyPath)
	if errno != 0 {
		return errno
	}
	defer unix.Close(int(picked))
	_, _, errno = unix.Syscall6(unix.SYS_FSCONFIG, picked, reconfigure, 0, 0, 0, 0)
	return asError(errno)
}

// newFilesystems asks for file systems that would show other files.
func (a *attack) newFilesystems() {
	for _, kind := range []string{"proc", "ext4", "overlay", "sysfs"} {
		fd, err := unix.Fsopen(kind, unix.FSOPEN_CLOEXEC)
		if err == nil {
			// Not yet a mount.
			err = create(fd)
			unix.Close(fd)
		}
		a.mustFail("fsopen of "+kind, err)
		a.mustFail("mount of "+kind, unix.Mount("/dev/root", "/etc", kind, 0, ""))
	}
}

func create(fd int) error {
	const fsconfigCmdCreate = 6
	if _, _, errno := unix.Syscall6(unix.SYS_FSCONFIG, uintptr(fd), fsconfigCmdCreate, 0, 0, 0, 0); errno != 0 {
		return errno
	}
	_, err := unix.Fsmount(fd, 0, 0)
	return err
}

// userNamespace does the same with all capabilities, over a user and a mount
// namespace of its own.
func (a *attack) userNamespace() error {
	p := &program{}
	p.add(unix.SYS_UNSHARE, unix.CLONE_NEWUSER|unix.CLONE_NEWNS|unix.CLONE_NEWPID)
	const all = 1<<(lastCap+1) - 1
	p.setCaps(all, all)
	in := a.in
	in.Attempt, in.Caps, in.UID = "in-user-namespace", all, -1
	r, err := start(p, in)
	if err != nil {
		return err
	}
	r.Attempt = a.in.Attempt
	a.result = r
	return nil
}

func (a *attack) inUserNamespace() error {
	a.mustFail("uncovering the root", unix.Unmount("/", unix.MNT_DETACH))
	for _, fd := range append(append([]int{}, a.in.Dirs...), a.in.Files...) {
		a.mountsOf(fd)
		a.mustFail("setns", unix.Setns(fd, 0))
	}
	a.newFilesystems()
	for _, d := range a.in.Dirs {
		if err := unix.Fchdir(d); err != nil {
			a.note(err)
			continue
		}
		a.mustFail("umount of the working directory", unix.Unmount(".", unix.MNT_DETACH))
		a.mustFail("bind of the working directory", unix.Mount(".", "/etc", "", unix.MS_BIND|unix.MS_REC, ""))
		a.mustFail("remount of the working directory", unix.Mount("", ".", "", unix.MS_BIND|unix.MS_REMOUNT, ""))
		a.mustFail("pivot_root", unix.PivotRoot(".", "."))
		if a.isReadOnly(d) {
			a.writeIn(d)
		}
	}
	a.leaveRoot()
	a.look(unix.AT_FDCWD, "working directory")
	if err := a.dotdot(); err != nil {
		return err
	}
	return a.handles()
}

// leaveRoot uses a root below the working directory, which ".." then does not
// stop at (chroot(2)).
func (a *attack) leaveRoot() {
	for _, d := range a.in.Dirs {
		a.note(unix.Fchdir(d))
		for _, root := range []string{"planted", "."} {
			a.note(unix.Chroot(root))
			a.open(d, "..", unix.O_PATH)
			a.open(unix.AT_FDCWD, "../../../../..", unix.O_PATH)
			a.open(unix.AT_FDCWD, "/..", unix.O_PATH)
		}
	}
}
