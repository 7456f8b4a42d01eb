// Package ids gives the files of a bucket identities that outlive a rename.
//
// An object that this process did not make or move has an identity that follows
// from its key, which needs no memory. Others are in a table, until they are
// removed.
package ids

import (
	"hash/maphash"
	"strconv"
	"strings"
	"sync"
)

// Kinds of files: the first byte of an identity that follows from a key.
const (
	File = 'f'
	Dir  = 'd'
)

// Table is the identities of one volume.
type Table struct {
	mu    sync.Mutex
	byKey map[string]string // kind and key to identity
	byID  map[string]string // identity to kind and key
	next  uint64

	// burnt has hashes of what had a derived identity that is used up. Another
	// key of the same hash only gets an entry in the table without need.
	burnt map[uint64]struct{}
	seed  maphash.Seed
}

// New returns an empty table.
func New() *Table {
	return &Table{byKey: map[string]string{}, byID: map[string]string{}, burnt: map[uint64]struct{}{}, seed: maphash.MakeSeed()}
}

// ID returns the identity of the file that has a key now.
func (t *Table) ID(kind byte, key string) string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.id(string(kind) + key)
}

func (t *Table) id(full string) string {
	if id, ok := t.byKey[full]; ok {
		return id
	}
	if _, used := t.burnt[maphash.String(t.seed, full)]; used {
		return t.assign(full)
	}
	return full
}

func (t *Table) assign(full string) string {
	t.next++
	id := "n" + full[:1] + strconv.FormatUint(t.next, 10)
	t.byKey[full], t.byID[id] = id, full
	return id
}

// Key returns the kind and key of an identity, and false if no file has it any
// more.
func (t *Table) Key(id string) (kind byte, key string, ok bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if full, ok := t.byID[id]; ok {
		return full[0], full[1:], true
	}
	if id == "" || (id[0] != File && id[0] != Dir) {
		return 0, "", false
	}
	_, other := t.byKey[id]
	if _, used := t.burnt[maphash.String(t.seed, id)]; used || other {
		return 0, "", false
	}
	return id[0], id[1:], true
}

// Fresh gives what is made under a key an identity that nothing had before.
func (t *Table) Fresh(kind byte, key string) string {
	t.mu.Lock()
	defer t.mu.Unlock()
	full := string(kind) + key
	if id, ok := t.byKey[full]; ok {
		delete(t.byID, id)
	}
	return t.assign(full)
}

// Forget ends the use of the identity of a file that is gone.
func (t *Table) Forget(kind byte, key string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.forget(string(kind) + key)
}

// forget burns a derived identity. One from the table is not used again anyway.
func (t *Table) forget(full string) {
	id, ok := t.byKey[full]
	if !ok || id == full {
		t.burn(full)
	}
	delete(t.byKey, full)
	delete(t.byID, id)
}

func (t *Table) burn(full string) { t.burnt[maphash.String(t.seed, full)] = struct{}{} }

// Move gives a file another key. What had that key is forgotten.
func (t *Table) Move(kind byte, from, to string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	old, now := string(kind)+from, string(kind)+to
	id := t.id(old)
	delete(t.byKey, old)
	if id == old {
		t.burn(old)
	}
	t.forget(now)
	t.byKey[now], t.byID[id] = id, now
}

// MoveTree gives everything below a directory, that the table knows, another
// directory, and keys besides.
func (t *Table) MoveTree(from, to string, keys map[string]byte) {
	t.mu.Lock()
	for full := range t.byKey {
		if key := full[1:]; strings.HasPrefix(key, from) {
			keys[key] = full[0]
		}
	}
	t.mu.Unlock()
	for key, kind := range keys {
		t.Move(kind, key, to+strings.TrimPrefix(key, from))
	}
}
