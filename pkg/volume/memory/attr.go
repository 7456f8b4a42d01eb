package memory

import (
	"context"
	"syscall"

	"github.com/directfs/runsc/pkg/volume"
)

// SetAttr implements [volume.Writable]. A size of what is no regular file is
// syscall.EISDIR or syscall.EINVAL, as in truncate(2).
func (v *Volume) SetAttr(ctx context.Context, id volume.ID, c volume.Change) error {
	return v.change(ctx, func() error {
		n, err := v.node(id)
		if err != nil {
			return err
		}
		// Only this can fail, so it comes first.
		if c.Size != nil {
			if err := v.truncate(n, *c.Size); err != nil {
				return err
			}
		}
		n.apply(c)
		return nil
	})
}

// apply changes all but the size.
func (n *node) apply(c volume.Change) {
	n.changed()
	if c.Perm != nil {
		n.attr.Mode = n.attr.Mode.Type() | *c.Perm&permissions
	}
	set(&n.attr.UID, c.UID)
	set(&n.attr.GID, c.GID)
	set(&n.attr.AccessTime, c.AccessTime)
	set(&n.attr.ModTime, c.ModTime)
}

func set[T any](field *T, value *T) {
	if value != nil {
		*field = *value
	}
}

// truncate gives a regular file a size. Space that was reserved goes with what
// is cut off, as on tmpfs.
func (v *Volume) truncate(n *node, size int64) error {
	switch {
	case n.isDir():
		return syscall.EISDIR
	case n.content == nil || size < 0:
		return syscall.EINVAL
	}
	reserved := n.reserved
	if size < n.attr.Size {
		reserved = min(reserved, size)
	}
	return v.resize(n, size, reserved)
}

// resize changes size and reservation together, or neither.
func (v *Volume) resize(n *node, size, reserved int64) error {
	before := n.charged
	if err := v.chargeContent(n, size, reserved); err != nil {
		return err
	}
	if err := n.content.resize(size); err != nil {
		v.release(n.charged-before, 0)
		n.charged = before
		return err
	}
	n.attr.Size, n.reserved = size, reserved
	n.modified()
	return nil
}
