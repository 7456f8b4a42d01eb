package blob

import (
	"context"
	"sync"
	"time"

	"github.com/directfs/runsc/pkg/volume"
	"github.com/directfs/runsc/pkg/volume/blob/internal/disk"
	"github.com/directfs/runsc/pkg/volume/blob/internal/ids"
	"github.com/directfs/runsc/pkg/volume/blob/internal/names"
)

// inode is a file that is open, or that has content which is not in the store.
// All its handles share it, so that they see the same.
type inode struct {
	v  *tree
	id volume.ID

	// key is changed under both tree.mu, mu and busy: any of them is enough to
	// read it.
	key string

	// Under tree.mu. A file that was removed or replaced has no name any more.
	handles int
	writers int // handles that may write
	named   bool

	// busy is held while the object or the file's kind changes: fetching,
	// staging, uploading, renaming, removing.
	busy mutex

	// mu guards what follows. It is held for writing by whoever changes the
	// content, and never while a request is made.
	mu   sync.RWMutex
	file *disk.File // nil where the content is read from the store in ranges
	size int64
	mod  time.Time // zero: that of base

	base   version // of the object, as far as it is known
	exists bool    // in the store
	object *objectProperties

	dirty    bool
	seq      uint64 // counts changes
	saved    uint64 // how many of them are in the store
	removed  bool
	conflict bool
	record   disk.Record
	up       *upload
}

// attr is what is true of the file now, synced or not.
func (in *inode) attr() volume.Attr {
	in.mu.RLock()
	defer in.mu.RUnlock()
	mod := in.mod
	if mod.IsZero() {
		mod = in.base.shown()
	}
	c := &in.v.c
	return volume.Attr{ID: in.id, Mode: c.FileMode, Size: in.size, ModTime: mod, UID: c.UID, GID: c.GID, Links: 1}
}

// is reports whether an entry of the store can be this file.
func (in *inode) is(e entry) bool {
	in.mu.RLock()
	defer in.mu.RUnlock()
	return in.dirty || !e.absent && in.base.same(e.version)
}

// openInode returns the file of an identity, if it is in use.
func (v *tree) openInode(id volume.ID) *inode {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.inodes[id]
}

// named returns the file that has a key, if it is in use.
func (v *tree) named(key string) *inode {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.byKey[key]
}

// unsaved is named, for files with content that is not in the store.
func (v *tree) unsaved(key string) *inode {
	in := v.named(key)
	if in == nil {
		return nil
	}
	in.mu.RLock()
	defer in.mu.RUnlock()
	if !in.dirty {
		return nil
	}
	return in
}

// keyNow returns the key, which a rename may change at once.
func (in *inode) keyNow() string {
	in.v.mu.Lock()
	defer in.v.mu.Unlock()
	return in.key
}

// hold returns the file of an identity with one handle more. If it is not in use,
// it begins with what make returns.
func (v *tree) hold(id volume.ID, begin func() *inode) *inode {
	v.mu.Lock()
	defer v.mu.Unlock()
	in := v.inodes[id]
	if in == nil {
		if in = begin(); in == nil {
			return nil
		}
		v.inodes[id], v.byKey[in.key] = in, in
		in.named = true
	}
	in.handles++
	return in
}

// unname takes the name from a file: it was removed, or replaced in the store.
// The identity is not that of the name any more. tree.mu is held.
func (v *tree) unname(in *inode) {
	if !in.named {
		return
	}
	in.named = false
	delete(v.byKey, in.key)
	v.setFresh(in.key, false)
	v.ids.Forget(ids.File, in.key)
	if in.handles == 0 {
		delete(v.inodes, in.id)
	}
}

// setFresh notes whether a file is not in the store yet. tree.mu is held.
func (v *tree) setFresh(key string, fresh bool) {
	dir, name := names.Split(key, false)
	switch all := v.fresh[dir]; {
	case fresh && all == nil:
		v.fresh[dir] = map[string]bool{name: true}
	case fresh:
		all[name] = true
	default:
		if delete(all, name); len(all) == 0 {
			delete(v.fresh, dir)
		}
	}
}

// retire is for a file whose object another writer replaced or removed. Its
// handles go on with what they have, as if the file had been removed; the name is
// that of a new file.
func (v *tree) retire(in *inode) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if in.named {
		v.c.Observer.Conflict(in.key)
		v.disk.Drop(in.key)
		v.unname(in)
	}
}

// release ends the use of a handle. The last one of a changed file tries to
// upload it once more; what is not in the store then stays staged.
func (in *inode) release(ctx context.Context) error {
	var err error
	for {
		in.v.mu.Lock()
		last := in.handles == 1
		if !last {
			in.handles--
			in.v.mu.Unlock()
			return err
		}
		in.v.mu.Unlock()
		if err = in.sync(ctx); err != nil {
			break
		}
		if in.v.drop(in) {
			return nil
		}
	}
	in.v.mu.Lock()
	in.handles--
	in.v.mu.Unlock()
	in.v.abandon(in)
	return err
}

// drop ends the use of a clean file that has one handle, and reports whether it
// was that.
func (v *tree) drop(in *inode) bool {
	v.mu.Lock()
	if in.handles != 1 {
		v.mu.Unlock()
		return false
	}
	in.mu.Lock()
	if in.dirty && !in.removed {
		in.mu.Unlock()
		v.mu.Unlock()
		return false
	}
	key, named := in.key, in.named
	in.handles = 0
	delete(v.inodes, in.id)
	if named {
		delete(v.byKey, key)
		in.named = false
	}
	v.mu.Unlock()
	defer in.mu.Unlock()
	v.ranges.drop(in)
	if in.file != nil {
		if named && in.file.Staged() && in.size <= v.c.CacheObjectBytes {
			in.file.Unstage(key, in.base)
		}
		in.file.Release()
		in.file = nil
	}
	return true
}

// abandon is for a file that nobody has open and whose upload failed. If another
// writer was the reason, trying again is in vain: the name is that of the store's
// object, and the content stays for Recover.
func (v *tree) abandon(in *inode) {
	v.mu.Lock()
	defer v.mu.Unlock()
	in.mu.Lock()
	defer in.mu.Unlock()
	v.c.Logger.Error("content is not in the store", "key", in.key, "bytes", in.size, "conflict", in.conflict)
	if !in.conflict || in.handles > 0 || in.file == nil {
		return
	}
	v.unname(in)
	delete(v.inodes, in.id)
	in.file.Keep()
	in.file = nil
}
