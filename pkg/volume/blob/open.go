package blob

import (
	"context"
	"io/fs"
	"syscall"
	"time"

	"github.com/directfs/runsc/pkg/volume"
	"github.com/directfs/runsc/pkg/volume/blob/internal/ids"
	"github.com/directfs/runsc/pkg/volume/blob/internal/names"
)

// Open implements volume.Volume.
func (v *tree) Open(ctx context.Context, id volume.ID, how volume.OpenHow) (volume.Handle, error) {
	if how.Write && v.c.ReadOnly {
		return nil, syscall.EROFS
	}
	in, err := v.use(ctx, id)
	if err != nil {
		return nil, err
	}
	asked := time.Now()
	if how.Truncate {
		err = in.truncate(ctx, 0)
	} else {
		v.prefetch(in.keyNow())
		err = in.load(ctx)
	}
	if err != nil {
		if isNotFound(err) {
			v.forgetMissing(in.keyNow(), asked)
		}
		in.release(ctx)
		return nil, err
	}
	return v.newHandle(in, how), nil
}

func (v *tree) newHandle(in *inode, how volume.OpenHow) *handle {
	if how.Write {
		v.mu.Lock()
		defer v.mu.Unlock()
		in.writers++
	}
	return &handle{in: in, how: how}
}

// use returns the file of an identity with one handle more.
func (v *tree) use(ctx context.Context, id volume.ID) (*inode, error) {
	if in := v.hold(id, false, func() *inode { return nil }); in != nil {
		return in, nil
	}
	kind, key, ok := v.ids.Key(string(id))
	switch {
	case !ok:
		return nil, fs.ErrNotExist
	case kind != ids.File:
		return nil, syscall.EISDIR
	}
	// First without a lock, because it may need requests.
	if _, err := v.lookAt(ctx, key); err != nil {
		return nil, err
	}
	dir, _ := names.Split(key, false)
	done, err := v.holdNames(ctx, dir)
	if err != nil {
		return nil, err
	}
	defer done()
	for {
		before := v.changes.Load()
		e, err := v.lookAt(ctx, key)
		switch {
		case err != nil:
			return nil, err
		case e.absent:
			return nil, fs.ErrNotExist
		}
		in := v.hold(id, false, func() *inode {
			if v.changes.Load() != before {
				return nil
			}
			return v.begin(id, e)()
		})
		if in != nil {
			return in, nil
		}
		if _, now, ok := v.ids.Key(string(id)); !ok || now != key {
			return nil, fs.ErrNotExist // renamed or removed meanwhile
		}
	}
}

// begin returns what makes a file that is not in use one that is.
func (v *tree) begin(id volume.ID, e entry) func() *inode {
	return func() *inode {
		_, now, ok := v.ids.Key(string(id))
		if !ok || now != e.key || v.byKey[e.key] != nil {
			return nil
		}
		return &inode{v: v, id: id, key: e.key, busy: newMutex(), size: e.size, mod: e.kept, base: e.version, exists: true}
	}
}

// lookAt returns the entry of an object with its time.
func (v *tree) lookAt(ctx context.Context, key string) (entry, error) {
	dir, e, err := v.findKey(ctx, ids.File, key)
	if err != nil {
		return e, err
	}
	return v.keepTime(ctx, dir, e)
}

// forgetMissing is called when an object that a listing has is not in the store,
// which was asked for it at a time.
func (v *tree) forgetMissing(key string, asked time.Time) {
	dir, name := v.place(entry{key: key})
	v.lists.learn(dir, entry{name: name, absent: true}, asked)
}
