package blob

import (
	"context"
	"fmt"
	"io/fs"
	"strings"
	"syscall"
	"time"

	"github.com/directfs/runsc/pkg/volume"
	"github.com/directfs/runsc/pkg/volume/blob/internal/disk"
	"github.com/directfs/runsc/pkg/volume/blob/internal/ids"
	"github.com/directfs/runsc/pkg/volume/blob/internal/names"
)

// writable is a volume that can be changed.
type writable struct{ *tree }

var (
	_ volume.Writable      = (*writable)(nil)
	_ volume.Volume        = (*tree)(nil)
	_ volume.UsageReporter = (*tree)(nil)
	_ volume.FileDonor     = (*handle)(nil)
)

// child returns the entry of a name in a directory that is there, and the file
// that has it, if that is in use.
func (v *writable) child(ctx context.Context, dir, name string) (entry, *inode, error) {
	if in := v.unsaved(dir + name); in != nil {
		in.mu.RLock()
		e := entryOf(in.key, in.base)
		in.mu.RUnlock()
		return e, in, nil
	}
	e, err := v.find(ctx, dir, name)
	if err != nil || e.absent || e.dir {
		return e, nil, err
	}
	return v.fileOf(ctx, dir, e.key, e)
}

// directory returns the key of a directory that exists.
func (v *writable) directory(ctx context.Context, id volume.ID) (string, error) {
	key, err := v.dirKey(string(id))
	if err != nil || key == v.c.Prefix {
		return key, err
	}
	_, e, err := v.findKey(ctx, ids.Dir, key)
	if err == nil && e.absent {
		err = fs.ErrNotExist
	}
	return key, err
}

// Create implements volume.Writable. The object is made by the first Sync or
// Flush, which fails if somebody else made one until then.
func (v *writable) Create(ctx context.Context, dir volume.ID, name string, _ volume.NewFile, how volume.OpenHow) (volume.Attr, volume.WritableHandle, error) {
	parent, err := v.directory(ctx, dir)
	if err != nil {
		return volume.Attr{}, nil, err
	}
	done, err := v.change(ctx, parent)
	if err != nil {
		return volume.Attr{}, nil, err
	}
	defer done()
	if err := v.vacant(ctx, parent, name); err != nil {
		return volume.Attr{}, nil, err
	}
	in, err := v.newInode(parent + name)
	if err != nil {
		return volume.Attr{}, nil, err
	}
	v.lists.touch(parent)
	return in.attr(), v.newHandle(in, how), nil
}

// vacant is fs.ErrExist where a name is in use.
func (v *writable) vacant(ctx context.Context, parent, name string) error {
	if err := checkKey(parent + name + "/"); err != nil {
		return err
	}
	if !names.Possible(name) {
		return fmt.Errorf("name %q: %s: %w", name, names.Problem(name), syscall.EINVAL)
	}
	e, _, err := v.child(ctx, parent, name)
	if err == nil && !e.absent {
		err = fs.ErrExist
	}
	return err
}

// newInode makes a file that is not in the store.
func (v *writable) newInode(key string) (*inode, error) {
	f, err := v.disk.NewStaged()
	if err != nil {
		return nil, err
	}
	in := &inode{v: v.tree, key: key, busy: newMutex(), file: f, dirty: true, seq: 1, mod: time.Now(), handles: 1, named: true}
	in.record = disk.Record{Key: key}
	if err := f.Mark(in.record); err != nil {
		f.Release()
		return nil, err
	}
	v.outdate(key)
	v.mu.Lock()
	defer v.mu.Unlock()
	if old := v.byKey[key]; old != nil { // its object is gone
		v.unname(old)
	}
	in.id = volume.ID(v.ids.Fresh(ids.File, key))
	v.inodes[in.id], v.byKey[key] = in, in
	v.setFresh(key, true)
	return in, nil
}

// Mkdir implements volume.Writable. A directory is an empty object whose key ends
// with a slash.
func (v *writable) Mkdir(ctx context.Context, dir volume.ID, name string, _ volume.NewFile) (volume.Attr, error) {
	parent, err := v.directory(ctx, dir)
	if err != nil {
		return volume.Attr{}, err
	}
	done, err := v.change(ctx, parent)
	if err != nil {
		return volume.Attr{}, err
	}
	defer done()
	if err := v.vacant(ctx, parent, name); err != nil {
		return volume.Attr{}, err
	}
	e := entry{name: name, key: parent + name + "/", dir: true}
	if err := v.putMarker(ctx, e.key); err != nil {
		return volume.Attr{}, err
	}
	v.ids.Fresh(ids.Dir, e.key)
	v.seen(e)
	return v.attr(e), nil
}

// putMarker makes the object of a directory. One that is there already will do.
func (v *tree) putMarker(ctx context.Context, dir string) error {
	o := v.s.writerOptions(&content{mark: newMark()})
	o.IfNotExist, o.ContentType = true, "application/x-directory"
	err := v.s.put(ctx, dir, strings.NewReader(""), 0, o)
	if err != nil && !isConflict(err) {
		return err
	}
	v.lists.setMarker(dir, true)
	return nil
}

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
	parent, err := v.directory(ctx, dir)
	if err != nil {
		return err
	}
	done, err := v.change(ctx, parent, parent+name+"/")
	if err != nil {
		return err
	}
	defer done()
	e, in, err := v.child(ctx, parent, name)
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
	if in != nil {
		if err := in.quiesce(ctx); err != nil {
			return err
		}
		defer in.busy.unlock()
	}
	if in == nil || in.mayExist() {
		if err := v.s.delete(ctx, e.key); err != nil {
			return err
		}
	}
	v.lists.set(parent, entry{name: e.name, absent: true})
	v.outdate(e.key)
	if in == nil {
		v.ids.Forget(ids.File, e.key)
		return nil
	}
	v.lists.touch(parent)
	in.gone()
	return nil
}

// quiesce takes busy of a file that is about to lose its object, stops an upload,
// and brings the content to the host if the file is open.
func (in *inode) quiesce(ctx context.Context) error {
	in.mu.RLock()
	if in.up != nil {
		in.up.cancel()
	}
	in.mu.RUnlock()
	if err := in.busy.lock(ctx); err != nil {
		return err
	}
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
		in.busy.unlock()
		return fmt.Errorf("keep the content of an open file: %w", err)
	}
	in.mu.Lock()
	defer in.mu.Unlock()
	in.file = f
	return nil
}

// mayExist reports whether the store may have the object. busy is held.
func (in *inode) mayExist() bool {
	in.mu.RLock()
	defer in.mu.RUnlock()
	return in.exists || len(in.record.Uploads) > 0
}

// gone makes a file one without a name. busy is held.
func (in *inode) gone() {
	in.v.mu.Lock()
	defer in.v.mu.Unlock()
	in.mu.Lock()
	defer in.mu.Unlock()
	unused := in.handles == 0 && in.file != nil
	in.v.unname(in)
	in.removed, in.dirty = true, false
	if in.file != nil && in.file.Staged() {
		in.file.Unmark()
	}
	if unused { // it was kept for its content only
		in.file.Release()
		in.file = nil
	}
}
