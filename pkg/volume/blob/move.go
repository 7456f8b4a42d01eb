package blob

import (
	"cmp"
	"context"
	"errors"
	"io/fs"
	"time"

	"gocloud.dev/blob"

	"github.com/directfs/runsc/pkg/volume/blob/internal/ids"
)

// hold takes busy of the files in use, in the order of their keys.
func (m *move) hold(ctx context.Context) (release func(), err error) {
	first, second := m.file, m.targetIn
	if m.from+m.oldName > m.to+m.newName {
		first, second = second, first
	}
	release = func() {}
	for _, in := range []*inode{first, second} {
		if in == nil { // no target
			continue
		}
		if in == m.targetIn {
			err = in.quiesce(ctx)
		} else if err = in.busy.lock(ctx); err == nil {
			in.setMoving(true)
		}
		if err != nil {
			release()
			return nil, err
		}
		before := release
		release = func() { in.doneMoving(); before() }
	}
	return release, nil
}

// transfer makes the object with the new key: from the host, if the store does
// not have what the file has now.
func (m *move) transfer(ctx context.Context, key string) (version, error) {
	u := &upload{}
	err := errShrunk
	for errors.Is(err, errShrunk) && ctx.Err() == nil {
		err = m.file.uploadBusy(ctx, u, key, !m.target.absent)
	}
	if err != nil {
		return version{}, err
	}
	if u.seq > 0 {
		m.file.mu.RLock()
		defer m.file.mu.RUnlock()
		return m.file.base, nil
	}
	return m.copyObject(ctx, key)
}

// copyObject copies the object. Afterwards it looks whether that is still the one
// that was to be copied: the copy of another must not pass for what is cached, or
// open, and what is deleted next must be what was copied.
func (m *move) copyObject(ctx context.Context, key string) (version, error) {
	m.file.mu.RLock()
	want := m.file.base
	m.file.mu.RUnlock()
	var from *blob.Attributes
	for {
		asked := time.Now()
		if m.noReplace {
			if _, err := m.v.s.attributes(ctx, key); !isNotFound(err) {
				return version{}, cmp.Or(err, fs.ErrExist)
			}
		}
		err := m.v.s.copy(ctx, key, m.old.key, m.old.size)
		if err == nil {
			from, err = m.v.s.attributes(ctx, m.old.key)
		}
		if isNotFound(err) {
			m.v.forgetMissing(m.old.key, asked)
		}
		if err != nil {
			return version{}, err
		}
		got := versionOf(from)
		if want.same(got) {
			break
		}
		// Another writer replaced the object: its content has the name now.
		m.v.retire(m.file, m.old.key, m.file.state())
		want, m.noReplace = got, false
	}
	return m.copied(ctx, from, key)
}

// copied returns the version of a copy, or ESTALE where another writer replaced it:
// the file keeps its old name then. A copy has the mark of what was copied.
func (m *move) copied(ctx context.Context, from *blob.Attributes, key string) (version, error) {
	a, err := m.v.s.attributes(ctx, key)
	if err != nil {
		return version{}, err
	}
	now := versionOf(a)
	if a.Size != from.Size || a.Metadata[uploadKey] != from.Metadata[uploadKey] {
		m.v.lists.forget(m.to)
		return version{}, m.v.s.replaced(RequestCopy, key, versionOf(from), now)
	}
	return now, nil
}

// moved gives everything in memory the new key.
func (m *move) moved(key string, now version) {
	if m.targetIn != nil {
		m.targetIn.gone()
	}
	m.v.rekey(m.file, m.old.key, key, now)
	e := entryOf(key, now)
	e.kept, e.looked = m.old.kept, m.old.looked
	m.v.seen(e)
	m.v.lists.set(m.from, entry{name: m.oldName, absent: true})
	m.v.lists.touch(m.from)
	m.v.lists.touch(m.to)
}

// rekey gives a file in use, and what is cached of it, a new key.
func (v *tree) rekey(in *inode, from, to string, now version) {
	v.outdateFetch(from)
	v.outdate(to)
	in.mu.RLock()
	was := in.base
	in.mu.RUnlock()
	v.disk.Rekey(from, to, now, func(cached any) bool { return was.same(cached.(version)) })
	v.mu.Lock()
	defer v.mu.Unlock()
	if !in.named { // replaced by another writer meanwhile
		return
	}
	if old := v.byKey[to]; old != nil && old != in { // its object is gone
		v.unname(old)
	}
	v.ids.Move(ids.File, from, to)
	in.mu.Lock()
	defer in.mu.Unlock()
	if v.byKey[from] == in {
		delete(v.byKey, from)
	}
	v.setFresh(from, false)
	in.key, in.base, in.exists, in.named = to, now, true, true
	v.byKey[to] = in
	if in.dirty { // it was written while it was moved
		in.record.Key = to
		if err := in.file.Mark(in.record); err != nil {
			v.c.Logger.Warn("the record of a staged file has the old key", "key", to, "error", err)
		}
	}
}

// outdateFetch makes a fetch that is under way one whose result is not kept.
func (v *tree) outdateFetch(key string) {
	v.mu.Lock()
	defer v.mu.Unlock()
	delete(v.fetches, key)
}
