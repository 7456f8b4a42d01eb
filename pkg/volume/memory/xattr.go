package memory

import (
	"bytes"
	"context"
	"io/fs"
	"maps"
	"slices"
	"syscall"

	"github.com/directfs/runsc/pkg/volume"
)

// xattrBytes is what an attribute counts in the volume.
func xattrBytes(name string, value []byte) int64 { return int64(len(name) + len(value)) }

// GetXattr implements [volume.XattrReader].
func (v *Volume) GetXattr(ctx context.Context, id volume.ID, name string) (value []byte, err error) {
	err = v.look(ctx, func() error {
		n, err := v.node(id)
		if err != nil {
			return err
		}
		old, found := n.xattrs[name]
		if !found {
			return syscall.ENODATA
		}
		value = bytes.Clone(old)
		return nil
	})
	return value, err
}

// ListXattr implements [volume.XattrReader].
func (v *Volume) ListXattr(ctx context.Context, id volume.ID) (names []string, err error) {
	err = v.look(ctx, func() error {
		n, err := v.node(id)
		if err != nil {
			return err
		}
		names = slices.Sorted(maps.Keys(n.xattrs))
		return nil
	})
	return names, err
}

// SetXattr implements [volume.XattrWriter].
func (v *Volume) SetXattr(ctx context.Context, id volume.ID, name string, value []byte, create, replace bool) error {
	return v.change(ctx, func() error {
		n, err := v.node(id)
		if err != nil {
			return err
		}
		old, found := n.xattrs[name]
		switch {
		case found && create:
			return fs.ErrExist
		case !found && replace:
			return syscall.ENODATA
		}
		bytes, files := xattrBytes(name, value), int64(1)
		if found {
			bytes, files = bytes-xattrBytes(name, old), 0
		}
		if err := v.charge(bytes, files); err != nil {
			return err
		}
		n.setXattr(name, value)
		return nil
	})
}

func (n *node) setXattr(name string, value []byte) {
	if n.xattrs == nil {
		n.xattrs = map[string][]byte{}
	}
	n.xattrs[name] = bytes.Clone(value)
	n.changed()
}

// RemoveXattr implements [volume.XattrWriter].
func (v *Volume) RemoveXattr(ctx context.Context, id volume.ID, name string) error {
	return v.change(ctx, func() error {
		n, err := v.node(id)
		if err != nil {
			return err
		}
		old, found := n.xattrs[name]
		if !found {
			return syscall.ENODATA
		}
		v.release(xattrBytes(name, old), 1)
		delete(n.xattrs, name)
		n.changed()
		return nil
	})
}
