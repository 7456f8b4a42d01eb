package memory

import (
	"context"
	"io/fs"
	"syscall"

	"github.com/directfs/runsc/pkg/volume"
)

// maxLinks is how many names a file may have, as on ext4.
const maxLinks = 65_000

// Create implements [volume.Writable].
func (v *Volume) Create(ctx context.Context, dir volume.ID, name string, f volume.NewFile, how volume.OpenHow) (volume.Attr, volume.WritableHandle, error) {
	var h *handle
	a, err := v.make(ctx, dir, name, func() (*node, error) {
		c, err := v.newContent()
		if err != nil {
			return nil, err
		}
		n := v.add(0, f)
		n.content = c
		h = v.open(n, how)
		return n, nil
	})
	if err != nil {
		return volume.Attr{}, nil, err
	}
	return a, h, nil
}

// Mkdir implements [volume.Writable].
func (v *Volume) Mkdir(ctx context.Context, dir volume.ID, name string, f volume.NewFile) (volume.Attr, error) {
	return v.make(ctx, dir, name, func() (*node, error) { return v.add(fs.ModeDir, f), nil })
}

// Symlink implements [volume.Symlinker].
func (v *Volume) Symlink(ctx context.Context, dir volume.ID, name, target string, f volume.NewFile) (volume.Attr, error) {
	return v.make(ctx, dir, name, func() (*node, error) {
		size := int64(len(target))
		if err := v.charge(size, 0); err != nil {
			return nil, err
		}
		n := v.add(fs.ModeSymlink, f)
		n.target, n.attr.Size, n.charged = target, size, size
		return n, nil
	})
}

// make gives what newNode returns a name in a directory.
func (v *Volume) make(ctx context.Context, dir volume.ID, name string, newNode func() (*node, error)) (a volume.Attr, err error) {
	err = v.change(ctx, func() error {
		d, err := v.vacancy(dir, name)
		if err != nil {
			return err
		}
		if err := v.charge(0, 1); err != nil {
			return err
		}
		n, err := newNode()
		if err != nil {
			v.release(0, 1)
			return err
		}
		d.insert(name, n)
		a = n.attr
		return nil
	})
	return a, err
}

// vacancy returns the directory, in which the name is free.
func (v *Volume) vacancy(dir volume.ID, name string) (*node, error) {
	d, err := v.directory(dir)
	if err != nil {
		return nil, err
	}
	if d.entries[name] != nil {
		return nil, fs.ErrExist
	}
	return d, nil
}

// Link implements [volume.Linker]. A directory is syscall.EPERM, as in link(2),
// and so many names that no more can be counted are syscall.EMLINK.
func (v *Volume) Link(ctx context.Context, id volume.ID, dir volume.ID, name string) (a volume.Attr, err error) {
	err = v.change(ctx, func() error {
		n, err := v.node(id)
		if err != nil {
			return err
		}
		d, err := v.vacancy(dir, name)
		if err != nil {
			return err
		}
		if err := v.chargeLink(n); err != nil {
			return err
		}
		n.attr.Links++
		n.changed()
		d.insert(name, n)
		a = n.attr
		return nil
	})
	return a, err
}

func (v *Volume) chargeLink(n *node) error {
	switch {
	case n.isDir():
		return syscall.EPERM
	case !n.linked():
		return fs.ErrNotExist
	case n.attr.Links >= maxLinks:
		return syscall.EMLINK
	}
	return v.charge(0, 1)
}
