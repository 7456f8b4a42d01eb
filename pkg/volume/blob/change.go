package blob

import (
	"cmp"
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
	_ volume.Writable         = (*writable)(nil)
	_ volume.Volume           = (*tree)(nil)
	_ volume.UsageReporter    = (*tree)(nil)
	_ volume.PrivateFileDonor = (*handle)(nil)
)

// child returns the entry of a name, and if that is a file, the file, which the
// caller must unpin: from now on it is the same for everybody who opens it.
func (v *writable) child(ctx context.Context, dir, name string) (entry, *inode, error) {
	for {
		if in := v.unsaved(dir + name); in != nil {
			if in = v.hold(in.id, true, func() *inode { return nil }); in == nil {
				continue
			}
			in.mu.RLock()
			defer in.mu.RUnlock()
			return entryOf(in.key, in.base), in, nil
		}
		before := v.changes.Load()
		e, err := v.find(ctx, dir, name)
		if err == nil && !e.absent && !e.dir {
			e, _, err = v.fileOf(ctx, dir, e.key, e)
		}
		if err != nil || e.absent || e.dir {
			return e, nil, err
		}
		id := volume.ID(v.ids.ID(ids.File, e.key))
		in := v.hold(id, true, func() *inode {
			if v.changes.Load() != before {
				return nil
			}
			return v.begin(id, e)()
		})
		if in != nil {
			return e, in, nil
		}
		if err := ctx.Err(); err != nil {
			return entry{}, nil, err
		}
	}
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

// change holds the names of a directory for a change, and of what has the name
// sub in it, if that is not empty. The directory exists, with the key that is
// returned, until done is called.
func (v *writable) change(ctx context.Context, dir volume.ID, sub string) (key string, done func(), err error) {
	for {
		if key, err = v.dirKey(string(dir)); err != nil {
			return "", nil, err
		}
		keys := []string{key}
		if sub != "" {
			keys = append(keys, key+sub+"/")
		}
		if done, err = v.holdNames(ctx, keys...); err != nil {
			return "", nil, err
		}
		now, err := v.directory(ctx, dir)
		if err == nil && now == key {
			return key, done, nil
		}
		done() // it was moved meanwhile
		if err != nil {
			return "", nil, err
		}
	}
}

// Create implements volume.Writable. The object is made by the first Sync or
// Flush, which fails if somebody else made one until then.
func (v *writable) Create(ctx context.Context, dir volume.ID, name string, _ volume.NewFile, how volume.OpenHow) (volume.Attr, volume.WritableHandle, error) {
	parent, done, err := v.change(ctx, dir, "")
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
	if problem := cmp.Or(names.Problem(name), names.Unlistable(name)); problem != "" {
		return fmt.Errorf("name %q: %s: %w", name, problem, syscall.EINVAL)
	}
	e, in, err := v.child(ctx, parent, name)
	if in != nil {
		in.unpin()
	}
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
	parent, done, err := v.change(ctx, dir, "")
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
	err := v.s.put(ctx, dir, strings.NewReader(""), 0, o, nil)
	if err != nil && !isConflict(err) {
		return err
	}
	v.lists.setMarker(dir, true)
	return nil
}
