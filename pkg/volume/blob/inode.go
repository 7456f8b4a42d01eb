package blob

import (
	"sync"
	"sync/atomic"
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
	closing int // handles of which the use is being ended
	writers int // handles that may write
	named   bool

	// pins counts work that is under way. It may be raised without a lock by who
	// has a handle or a pin.
	pins atomic.Int32

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
	moving   bool   // its object is being removed, moved or replaced by this process
	epoch    uint64 // counts what this process did to the object
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
	return in.dirty || in.moving || in.removed || !e.absent && in.base.same(e.version)
}

// isOf reports whether the file was made from a version of its object.
func (in *inode) isOf(v version) bool {
	in.mu.RLock()
	defer in.mu.RUnlock()
	return in.base.same(v)
}

// state returns a number that is another one after this process did something to
// the object.
func (in *inode) state() uint64 {
	in.mu.RLock()
	defer in.mu.RUnlock()
	return in.epoch
}

// setMoving is for who has busy.
func (in *inode) setMoving(moving bool) {
	in.mu.Lock()
	defer in.mu.Unlock()
	in.moving = moving
	in.epoch++
}

// doneMoving ends what quiesce or hold began.
func (in *inode) doneMoving() {
	in.setMoving(false)
	in.v.changes.Add(1)
	in.busy.unlock()
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

// hasName reports whether the file was neither removed nor replaced.
func (in *inode) hasName() bool {
	in.v.mu.Lock()
	defer in.v.mu.Unlock()
	return in.named
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
//
// It reports false, and does nothing, if this process did something to the file
// since it had that key and that state.
func (v *tree) retire(in *inode, key string, state uint64) bool {
	v.mu.Lock()
	defer v.mu.Unlock()
	if now := in.state(); now != state || in.key != key || !in.named {
		return false
	}
	v.c.Observer.Conflict(key)
	v.disk.Drop(key)
	v.unname(in)
	return true
}
