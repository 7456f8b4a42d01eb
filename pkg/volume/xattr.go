package volume

import (
	"context"
	"math"

	"golang.org/x/sys/unix"
	"gvisor.dev/gvisor/pkg/abi/linux"
	"gvisor.dev/gvisor/pkg/lisafs"
)

// maxXattr is the length of the longest value: a message has its length in 16
// bits, so that it is one byte less than Linux's.
const maxXattr = math.MaxUint16

// GetXattr implements lisafs.ControlFDImpl.
func (fd *controlFD) GetXattr(name string, size uint32, getValueBuf func(uint32) []byte) (uint16, error) {
	v, ok := fd.m.volume.(XattrReader)
	if !ok {
		return 0, unix.EOPNOTSUPP
	}
	if err := askXattr(name); err != nil {
		return 0, err
	}
	value, err := call(fd.m, op{"get attribute", fd.node.id, name}, func(ctx context.Context) ([]byte, error) {
		return v.GetXattr(ctx, fd.node.id, name)
	}, nil)
	if err != nil {
		return 0, err
	}
	if err := checkSize(len(value), uint64(size), maxXattr); err != nil {
		return 0, err
	}
	return uint16(copy(getValueBuf(uint32(len(value))), value)), nil
}

// checkSize checks whether something fits in a buffer, of which zero bytes only
// ask for the size: getxattr(2), listxattr(2).
func checkSize(n int, size uint64, most int) error {
	switch {
	case n > most:
		return unix.E2BIG
	case size != 0 && uint64(n) > size:
		return unix.ERANGE
	}
	return nil
}

// ListXattr implements lisafs.ControlFDImpl.
func (fd *controlFD) ListXattr(size uint64) (lisafs.StringArray, error) {
	v, ok := fd.m.volume.(XattrReader)
	if !ok {
		return nil, unix.EOPNOTSUPP
	}
	names, err := call(fd.m, op{"list attributes", fd.node.id, ""}, func(ctx context.Context) ([]string, error) {
		names, err := v.ListXattr(ctx, fd.node.id)
		if err != nil {
			return nil, err
		}
		return names, checkXattrNames(names)
	}, nil)
	if err != nil {
		return nil, err
	}
	total := 0
	for _, name := range names {
		total += len(name) + 1 // with a zero byte
	}
	if err := checkSize(total, size, linux.XATTR_LIST_MAX); err != nil {
		return nil, err
	}
	return names, nil
}

func checkXattrNames(names []string) error {
	for _, name := range names {
		if checkXattrName(name) != nil {
			return broken("the file lists an attribute %.64q, which is no name", name)
		}
	}
	return nil
}

// SetXattr implements lisafs.ControlFDImpl.
func (fd *controlFD) SetXattr(name, value string, flags uint32) error {
	v, ok := fd.m.volume.(XattrWriter)
	if !ok {
		return unix.EOPNOTSUPP
	}
	if err := askXattr(name); err != nil {
		return err
	}
	create, replace := flags&linux.XATTR_CREATE != 0, flags&linux.XATTR_REPLACE != 0
	if create && replace || flags&^(linux.XATTR_CREATE|linux.XATTR_REPLACE) != 0 {
		return unix.EINVAL
	}
	_, err := call(fd.m, op{"set attribute", fd.node.id, name}, func(ctx context.Context) (struct{}, error) {
		return struct{}{}, v.SetXattr(ctx, fd.node.id, name, []byte(value), create, replace)
	}, nil)
	return err
}

// RemoveXattr implements lisafs.ControlFDImpl.
func (fd *controlFD) RemoveXattr(name string) error {
	v, ok := fd.m.volume.(XattrWriter)
	if !ok {
		return unix.EOPNOTSUPP
	}
	if err := askXattr(name); err != nil {
		return err
	}
	_, err := call(fd.m, op{"remove attribute", fd.node.id, name}, func(ctx context.Context) (struct{}, error) {
		return struct{}{}, v.RemoveXattr(ctx, fd.node.id, name)
	}, nil)
	return err
}
