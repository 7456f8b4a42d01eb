package volume

import (
	"context"

	"golang.org/x/sys/unix"
	"gvisor.dev/gvisor/pkg/lisafs"
)

// toHow translates flags of open(2). The engine passes an access mode and
// O_TRUNC. Truncating needs a handle that can write, even where the FD then
// cannot.
func toHow(flags uint32) (OpenHow, error) {
	how := OpenHow{Truncate: flags&unix.O_TRUNC != 0}
	switch flags & unix.O_ACCMODE {
	case unix.O_RDONLY:
		how.Read = true
	case unix.O_WRONLY:
		how.Write = true
	case unix.O_RDWR:
		how.Read, how.Write = true, true
	default:
		return how, unix.EINVAL
	}
	how.Write = how.Write || how.Truncate
	return how, nil
}

// Open implements lisafs.ControlFDImpl. Of what is no regular file and no
// directory, as named pipes, only the attributes are served; the stock file
// server does not open these either, unless it is told to.
func (fd *controlFD) Open(flags uint32) (*lisafs.OpenFD, int, error) {
	switch {
	case fd.IsDir():
		d, err := fd.newDirFD(flags)
		if err != nil {
			return nil, -1, err
		}
		return d.FD(), -1, nil
	case !fd.IsRegular():
		return nil, -1, unix.EPERM
	}
	how, err := toHow(flags)
	if err != nil {
		return nil, -1, err
	}
	o := op{"open", fd.node.id, ""}
	v, err := fd.m.opening(o, how, func(ctx context.Context) (opened, error) {
		h, err := fd.m.volume.Open(ctx, fd.node.id, how)
		v := opened{handle: h}
		if err == nil && !how.Write {
			v.host, err = donation(h, fd.m.options.ReadOnly)
		}
		return v, err
	})
	if err != nil {
		return nil, -1, err
	}
	return fd.newFileFD(newHeld(fd.m, o.id, v.handle, how), flags).FD(), v.host.donate(), nil
}
