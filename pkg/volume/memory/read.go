package memory

import (
	"context"
	"io/fs"
	"slices"
	"syscall"

	"github.com/directfs/runsc/pkg/volume"
)

// Root implements [volume.Volume].
func (v *Volume) Root(ctx context.Context) (volume.Attr, error) {
	return v.Stat(ctx, v.root.attr.ID)
}

// Lookup implements [volume.Volume].
func (v *Volume) Lookup(ctx context.Context, dir volume.ID, name string) (a volume.Attr, err error) {
	err = v.look(ctx, func() error {
		n, err := v.child(dir, name)
		if err != nil {
			return err
		}
		a = n.attr
		return nil
	})
	return a, err
}

func (v *Volume) child(dir volume.ID, name string) (*node, error) {
	d, err := v.directory(dir)
	if err != nil {
		return nil, err
	}
	if n := d.entries[name]; n != nil {
		return n, nil
	}
	return nil, fs.ErrNotExist
}

// Stat implements [volume.Volume].
func (v *Volume) Stat(ctx context.Context, id volume.ID) (a volume.Attr, err error) {
	err = v.look(ctx, func() error {
		n, err := v.node(id)
		if err != nil {
			return err
		}
		a = n.attr
		return nil
	})
	return a, err
}

// ReadDir implements [volume.Volume]. It returns limit entries where there are
// as many.
func (v *Volume) ReadDir(ctx context.Context, dir volume.ID, after string, limit int) (entries []volume.Entry, err error) {
	err = v.look(ctx, func() error {
		d, err := v.directory(dir)
		if err != nil {
			return err
		}
		names := d.after(after)
		for _, name := range names[:min(max(limit, 1), len(names))] {
			a := d.entries[name].attr
			entries = append(entries, volume.Entry{Name: name, ID: a.ID, Type: a.Mode.Type()})
		}
		return nil
	})
	return entries, err
}

// after returns the names greater than one that need not exist.
func (n *node) after(name string) []string {
	i, found := slices.BinarySearch(n.names, name)
	if found {
		i++
	}
	return n.names[i:]
}

// ReadLink implements [volume.LinkReader]. What is no symbolic link is
// syscall.EINVAL, as in readlink(2).
func (v *Volume) ReadLink(ctx context.Context, id volume.ID) (target string, err error) {
	err = v.look(ctx, func() error {
		n, err := v.node(id)
		if err != nil {
			return err
		}
		if n.attr.Mode.Type() != fs.ModeSymlink {
			return syscall.EINVAL
		}
		target = n.target
		return nil
	})
	return target, err
}
