package blob

import (
	"context"
	"fmt"
	"io/fs"
	"slices"
	"syscall"

	"github.com/directfs/runsc/pkg/volume"
	"github.com/directfs/runsc/pkg/volume/blob/internal/ids"
)

// keepParent makes sure that a directory stays when one of its names goes: one
// without an object of its own is there only as long as it has others.
func (v *tree) keepParent(ctx context.Context, dir, name string) error {
	if dir == v.c.Prefix {
		return nil
	}
	n, err := v.listing(ctx, dir, pageSize)
	if err != nil || !n.complete || v.lists.others(n, name) {
		return err
	}
	return v.putMarker(ctx, dir)
}

// Remove implements volume.Writable.
func (v *writable) Remove(ctx context.Context, dir volume.ID, name string, directory bool) error {
	parent, done, err := v.change(ctx, dir, name)
	if err != nil {
		return err
	}
	defer done()
	e, in, err := v.child(ctx, parent, name)
	if in != nil {
		defer in.unpin()
	}
	switch {
	case err != nil:
		return err
	case e.absent:
		return fs.ErrNotExist
	case e.dir && !directory:
		return syscall.EISDIR
	case !e.dir && directory:
		return syscall.ENOTDIR
	case e.dir:
		return v.removeDir(ctx, parent, e)
	}
	return v.removeFile(ctx, parent, e, in)
}

func (v *writable) removeDir(ctx context.Context, parent string, e entry) error {
	if err := v.empty(ctx, e.key); err != nil {
		return err
	}
	if err := v.keepParent(ctx, parent, e.name); err != nil {
		return err
	}
	if err := v.s.delete(ctx, e.key); err != nil {
		return err
	}
	v.lists.forget(e.key)
	v.lists.set(parent, entry{name: e.name, absent: true})
	v.ids.Forget(ids.Dir, e.key)
	return nil
}

// empty is ENOTEMPTY for a directory that has names. What others put there since
// it was listed keeps the directory alive, so an old listing does no harm.
func (v *writable) empty(ctx context.Context, dir string) error {
	n, err := v.listing(ctx, dir, pageSize)
	if err != nil {
		return err
	}
	if !n.complete || len(v.lists.page(n, "", 1)) > 0 || len(v.freshEntries(dir, "")) > 0 {
		return syscall.ENOTEMPTY
	}
	return nil
}

func (v *writable) removeFile(ctx context.Context, parent string, e entry, in *inode) error {
	if err := v.keepParent(ctx, parent, e.name); err != nil {
		return err
	}
	if err := in.quiesce(ctx); err != nil {
		return err
	}
	defer in.doneMoving()
	stored, err := in.owns(ctx)
	if err == nil && stored {
		err = v.s.delete(ctx, e.key)
	}
	if err != nil {
		return err
	}
	v.lists.set(parent, entry{name: e.name, absent: true})
	v.lists.touch(parent)
	v.outdate(e.key)
	in.gone()
	return nil
}

// quiesce takes busy of a file that is about to lose its object, stops an upload that
// the store does not have all of yet, and brings the content to the host if the file is open.
func (in *inode) quiesce(ctx context.Context) error {
	in.mu.RLock()
	if in.up != nil {
		in.up.stop()
	}
	in.mu.RUnlock()
	if err := in.busy.lock(ctx); err != nil {
		return err
	}
	in.setMoving(true)
	in.v.mu.Lock()
	open := in.handles > 0
	in.v.mu.Unlock()
	if !open || in.localNow() {
		return nil
	}
	f, err := in.v.disk.NewStaged()
	if err == nil {
		if err = in.fillStaged(ctx, f); err != nil {
			f.Release()
		}
	}
	if err != nil {
		in.doneMoving()
		return fmt.Errorf("keep the content of an open file: %w", err)
	}
	in.mu.Lock()
	defer in.mu.Unlock()
	in.file = f
	return nil
}

// owns reports whether what the store has is of this file, and not of another
// writer, who would lose it when this file is removed or renamed. busy is held.
func (in *inode) owns(ctx context.Context) (bool, error) {
	in.mu.RLock()
	clean, exists, base, marks := !in.dirty, in.exists, in.base, in.record.Uploads
	in.mu.RUnlock()
	if clean || !exists && len(marks) == 0 {
		return exists, nil
	}
	key := in.keyNow()
	a, err := in.v.s.attributes(ctx, key)
	if err != nil {
		return false, ignoreNotFound(err)
	}
	owns := exists && base.same(versionOf(a)) || slices.Contains(marks, a.Metadata[uploadKey])
	if !owns {
		in.v.c.Observer.Conflict(key)
	}
	return owns, nil
}

// gone makes a file one without a name. busy is held.
func (in *inode) gone() {
	in.v.mu.Lock()
	defer in.v.mu.Unlock()
	in.mu.Lock()
	defer in.mu.Unlock()
	in.v.unname(in)
	in.removed, in.dirty = true, false
	if in.file != nil && in.file.Staged() {
		in.file.Unmark()
	}
}
