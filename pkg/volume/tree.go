package volume

import (
	"context"

	"golang.org/x/sys/unix"
	"gvisor.dev/gvisor/pkg/abi/linux"
	"gvisor.dev/gvisor/pkg/lisafs"
)

// Unlink implements lisafs.ControlFDImpl.
func (fd *controlFD) Unlink(name string, flags uint32) error {
	if err := checkName(name); err != nil {
		return err
	}
	if flags&^unix.AT_REMOVEDIR != 0 {
		return unix.EINVAL
	}
	_, err := call(fd.m, op{"remove", fd.node.id, name}, func(ctx context.Context) (struct{}, error) {
		return struct{}{}, fd.m.writable.Remove(ctx, fd.node.id, name, flags != 0)
	}, nil)
	return err
}

// RenameAt implements lisafs.ControlFDImpl.
func (fd *controlFD) RenameAt(oldName string, newDir lisafs.ControlFDImpl, newName string) error {
	return fd.rename(oldName, newDir, newName, false)
}

// RenameAt2 implements lisafs.ControlFDImpl. Exchanging files and leaving
// whiteouts are EINVAL, as for file systems of Linux that cannot do it.
func (fd *controlFD) RenameAt2(oldName string, newDir lisafs.ControlFDImpl, newName string, flags uint32) error {
	if flags&^linux.RENAME_NOREPLACE != 0 {
		return unix.EINVAL
	}
	return fd.rename(oldName, newDir, newName, flags != 0)
}

// rename moves nothing but a name: files and FDs are known by ID.
func (fd *controlFD) rename(oldName string, in lisafs.ControlFDImpl, newName string, noReplace bool) error {
	for _, name := range []string{oldName, newName} {
		if err := checkName(name); err != nil {
			return err
		}
	}
	newDir := in.(*controlFD).node.id
	_, err := call(fd.m, op{"rename", fd.node.id, oldName}, func(ctx context.Context) (struct{}, error) {
		return struct{}{}, fd.m.writable.Rename(ctx, fd.node.id, oldName, newDir, newName, noReplace)
	}, nil)
	return err
}

// Readlink implements lisafs.ControlFDImpl.
func (fd *controlFD) Readlink(getLinkBuf func(uint32) []byte) (uint16, error) {
	v, ok := fd.m.volume.(LinkReader)
	if !ok {
		return 0, unix.EOPNOTSUPP
	}
	target, err := call(fd.m, op{"read link", fd.node.id, ""}, func(ctx context.Context) (string, error) {
		target, err := v.ReadLink(ctx, fd.node.id)
		if err == nil && checkTarget(target) != nil {
			err = broken("ReadLink returned %d bytes, %.64q, which no link can have", len(target), target)
		}
		return target, err
	}, nil)
	if err != nil {
		return 0, err
	}
	return uint16(copy(getLinkBuf(uint32(len(target))), target)), nil
}

// Sockets are the sentry's own, see messageTable: only BindAt can be called.

// BindAt implements lisafs.ControlFDImpl.
func (fd *controlFD) BindAt(string, uint32, linux.FileMode, lisafs.UID, lisafs.GID) (*lisafs.ControlFD, lisafs.Statx, *lisafs.BoundSocketFD, int, error) {
	return nil, lisafs.Statx{}, nil, -1, unix.EPERM
}

// Connect implements lisafs.ControlFDImpl.
func (fd *controlFD) Connect(uint32) (int, error) { return -1, unix.EOPNOTSUPP }

// ConnectWithCreds implements lisafs.ControlFDImpl.
func (fd *controlFD) ConnectWithCreds(uint32, lisafs.UID, lisafs.GID) (int, error) {
	return -1, unix.EOPNOTSUPP
}
