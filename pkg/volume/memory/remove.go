package memory

import (
	"context"
	"io/fs"
	"syscall"

	"github.com/directfs/runsc/pkg/volume"
)

// Remove implements [volume.Writable].
func (v *Volume) Remove(ctx context.Context, dir volume.ID, name string, directory bool) error {
	return v.change(ctx, func() error {
		n, err := v.child(dir, name)
		if err != nil {
			return err
		}
		if err := replaceable(n, directory); err != nil {
			return err
		}
		v.unlink(v.nodes[dir], name)
		return nil
	})
}

// replaceable says whether a name may go away, given whether a directory is
// meant.
func replaceable(n *node, directory bool) error {
	switch {
	case directory && !n.isDir():
		return syscall.ENOTDIR
	case !directory && n.isDir():
		return syscall.EISDIR
	case len(n.names) > 0:
		return syscall.ENOTEMPTY
	}
	return nil
}

// unlink takes a name away from a file, and the file with its last name.
func (v *Volume) unlink(d *node, name string) {
	n := d.entries[name]
	d.detach(name)
	n.changed()
	if n.isDir() {
		n.attr.Links, n.parent = 0, nil
	} else if n.attr.Links--; n.linked() {
		v.release(0, 1)
	}
	v.forget(n)
}

// forget frees a file that has no name and is not open.
func (v *Volume) forget(n *node) {
	if n.linked() || n.open > 0 {
		return
	}
	for name := range n.xattrs {
		v.release(xattrBytes(name, n.xattrs[name]), 1)
	}
	v.release(n.charged, 1)
	n.close()
	delete(v.nodes, n.attr.ID)
}

// Rename implements [volume.Writable].
func (v *Volume) Rename(ctx context.Context, oldDir volume.ID, oldName string, newDir volume.ID, newName string, noReplace bool) error {
	return v.change(ctx, func() error {
		n, err := v.child(oldDir, oldName)
		if err != nil {
			return err
		}
		to, err := v.directory(newDir)
		if err != nil {
			return err
		}
		old := to.entries[newName]
		if err := mayRename(n, to, old, noReplace); err != nil {
			return err
		}
		if old != n {
			v.move(n, v.nodes[oldDir], oldName, to, newName)
		}
		return nil
	})
}

// mayRename says whether n may get a name in to that old has now, which may be
// nil. The order of the errors is that of Linux (fs/namei.c: do_renameat2,
// vfs_rename).
func mayRename(n, to, old *node, noReplace bool) error {
	switch {
	case old != nil && noReplace:
		return fs.ErrExist
	case n.isDir() && to.within(n):
		return syscall.EINVAL
	case old == nil || old == n:
		return nil
	}
	return replaceable(old, n.isDir())
}

func (v *Volume) move(n, from *node, oldName string, to *node, newName string) {
	if to.entries[newName] != nil {
		v.unlink(to, newName)
	}
	from.detach(oldName)
	to.insert(newName, n)
	n.changed()
}
