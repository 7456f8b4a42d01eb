package volume

import (
	"context"
	"io/fs"

	"golang.org/x/sys/unix"
	"gvisor.dev/gvisor/pkg/abi/linux"
	"gvisor.dev/gvisor/pkg/lisafs"
)

// newFile translates what a file is to start with. The sentry knows the owners
// and applied the umask.
func newFile(mode linux.FileMode, uid lisafs.UID, gid lisafs.GID) (NewFile, error) {
	if !uid.Ok() || !gid.Ok() {
		return NewFile{}, unix.EINVAL
	}
	return NewFile{Perm: fromMode(uint16(mode)), UID: uint32(uid), GID: uint32(gid)}, nil
}

// makeEntry makes a file of a type in this directory, and its control FD.
func (fd *controlFD) makeEntry(what, name string, kind fs.FileMode, create func(context.Context) (Attr, error)) (*controlFD, lisafs.Statx, error) {
	if err := checkName(name); err != nil {
		return nil, lisafs.Statx{}, err
	}
	if err := fd.m.takeFile(); err != nil {
		return nil, lisafs.Statx{}, err
	}
	o := op{what, fd.node.id, name}
	a, err := call(fd.m, o, func(ctx context.Context) (Attr, error) {
		a, err := create(ctx)
		return a, a.verifyNew(kind, err)
	}, nil)
	if err != nil {
		fd.m.files.give()
		return nil, lisafs.Statx{}, err
	}
	return fd.adopt(o, a)
}

// verifyNew checks that attributes can be those of a file that was just made.
func (a Attr) verifyNew(kind fs.FileMode, err error) error {
	if err != nil {
		return err
	}
	if err := a.check(); err != nil {
		return err
	}
	if a.Mode.Type() != kind {
		return broken("a file of type %v was to be made, the new one, %q, is of type %v", kind, a.ID, a.Mode.Type())
	}
	return nil
}

// OpenCreate implements lisafs.ControlFDImpl. A new file is never donated: it is
// going to be written, through this handle or another one.
func (fd *controlFD) OpenCreate(mode linux.FileMode, uid lisafs.UID, gid lisafs.GID, name string, flags uint32) (*lisafs.ControlFD, lisafs.Statx, *lisafs.OpenFD, int, error) {
	how, err := toHow(flags)
	if err != nil {
		return nil, lisafs.Statx{}, nil, -1, err
	}
	child, s, h, err := fd.create(mode, uid, gid, name, how)
	if err != nil {
		return nil, s, nil, -1, err
	}
	return child.FD(), s, child.newFileFD(h, flags).FD(), -1, nil
}

// create makes and opens a regular file.
func (fd *controlFD) create(mode linux.FileMode, uid lisafs.UID, gid lisafs.GID, name string, how OpenHow) (*controlFD, lisafs.Statx, *held, error) {
	f, err := newFile(mode, uid, gid)
	if err != nil {
		return nil, lisafs.Statx{}, nil, err
	}
	if err := checkName(name); err != nil {
		return nil, lisafs.Statx{}, nil, err
	}
	if err := fd.m.takeFile(); err != nil {
		return nil, lisafs.Statx{}, nil, err
	}
	o := op{"create", fd.node.id, name}
	v, err := fd.m.opening(o, how, func(ctx context.Context) (opened, error) {
		a, h, err := fd.m.writable.Create(ctx, fd.node.id, name, f, how)
		return opened{attr: a, handle: h}, a.verifyNew(0, err)
	})
	if err != nil {
		fd.m.files.give()
		return nil, lisafs.Statx{}, nil, err
	}
	child, s, err := fd.adopt(o, v.attr)
	if err != nil {
		v.discard(fd.m, o)
		return nil, s, nil, err
	}
	return child, s, newHeld(fd.m, v.attr.ID, v.handle, how), nil
}

// Mkdir implements lisafs.ControlFDImpl.
func (fd *controlFD) Mkdir(mode linux.FileMode, uid lisafs.UID, gid lisafs.GID, name string) (*lisafs.ControlFD, lisafs.Statx, error) {
	f, err := newFile(mode, uid, gid)
	if err != nil {
		return nil, lisafs.Statx{}, err
	}
	return newEntry(fd.makeEntry("make directory", name, fs.ModeDir, func(ctx context.Context) (Attr, error) {
		return fd.m.writable.Mkdir(ctx, fd.node.id, name, f)
	}))
}

// Mknod implements lisafs.ControlFDImpl. For named pipes, sockets and devices it
// returns EPERM: the sentry then makes the former two itself, in memory.
func (fd *controlFD) Mknod(mode linux.FileMode, uid lisafs.UID, gid lisafs.GID, name string, _, _ uint32) (*lisafs.ControlFD, lisafs.Statx, error) {
	// mknod(2): zero is a regular file.
	if t := mode.FileType(); t != linux.S_IFREG && t != 0 {
		return nil, lisafs.Statx{}, unix.EPERM
	}
	child, s, h, err := fd.create(mode, uid, gid, name, OpenHow{Write: true})
	if err != nil {
		return nil, s, err
	}
	h.drop()
	return child.FD(), s, nil
}

// Symlink implements lisafs.ControlFDImpl.
func (fd *controlFD) Symlink(name, target string, uid lisafs.UID, gid lisafs.GID) (*lisafs.ControlFD, lisafs.Statx, error) {
	v, ok := fd.m.volume.(Symlinker)
	if !ok {
		return nil, lisafs.Statx{}, unix.EPERM
	}
	if err := checkTarget(target); err != nil {
		return nil, lisafs.Statx{}, err
	}
	f, err := newFile(linux.FileMode(fs.ModePerm), uid, gid)
	if err != nil {
		return nil, lisafs.Statx{}, err
	}
	return newEntry(fd.makeEntry("make symbolic link", name, fs.ModeSymlink, func(ctx context.Context) (Attr, error) {
		return v.Symlink(ctx, fd.node.id, name, target, f)
	}))
}

// Link implements lisafs.ControlFDImpl. The FD is of the file, not of the
// directory.
func (fd *controlFD) Link(in lisafs.ControlFDImpl, name string) (*lisafs.ControlFD, lisafs.Statx, error) {
	v, ok := fd.m.volume.(Linker)
	if !ok {
		return nil, lisafs.Statx{}, unix.EPERM
	}
	dir := in.(*controlFD)
	return newEntry(dir.makeEntry("link", name, fd.node.kind, func(ctx context.Context) (Attr, error) {
		a, err := v.Link(ctx, fd.node.id, dir.node.id, name)
		return a, fd.node.verify(a, err)
	}))
}

// newEntry is a new file's control FD as the engine wants it.
func newEntry(child *controlFD, s lisafs.Statx, err error) (*lisafs.ControlFD, lisafs.Statx, error) {
	if err != nil {
		return nil, s, err
	}
	return child.FD(), s, nil
}
