package blob

import (
	"context"
	"fmt"
	"io/fs"
	"strings"
	"syscall"

	"github.com/directfs/runsc/pkg/volume"
	"github.com/directfs/runsc/pkg/volume/blob/internal/ids"
)

// Rename implements volume.Writable: a copy and a deletion in the store. A crash
// in between leaves both names. A directory is moved object by object, see
// Config.RenameObjects.
func (v *writable) Rename(ctx context.Context, oldDir volume.ID, oldName string, newDir volume.ID, newName string, noReplace bool) error {
	from, err := v.directory(ctx, oldDir)
	if err != nil {
		return err
	}
	to, err := v.directory(ctx, newDir)
	if err != nil {
		return err
	}
	m := &move{v: v, from: from, to: to, oldName: oldName, newName: newName, noReplace: noReplace}
	done, err := v.change(ctx, from, to, to+newName+"/")
	if err != nil {
		return err
	}
	again, err := m.run(ctx)
	done()
	if !again || err != nil {
		return err
	}
	if err := v.names.Acquire(ctx, wholeTree); err != nil { // a directory
		return err
	}
	defer v.names.Release(wholeTree)
	return m.runDir(ctx)
}

// move is one rename.
type move struct {
	v                *writable
	from, to         string
	oldName, newName string
	noReplace        bool

	old, target     entry
	file, targetIn  *inode // those in use
	targetIsTheFile bool
}

// look finds what is to be moved and what is in the way, and applies the rules of
// rename(2).
func (m *move) look(ctx context.Context) (err error) {
	if m.old, m.file, err = m.v.child(ctx, m.from, m.oldName); err != nil {
		return err
	}
	if m.target, m.targetIn, err = m.v.child(ctx, m.to, m.newName); err != nil {
		return err
	}
	m.targetIsTheFile = m.from == m.to && m.oldName == m.newName
	switch {
	case m.old.absent:
		return fs.ErrNotExist
	case m.noReplace && !m.target.absent:
		return fs.ErrExist
	case m.targetIsTheFile:
		return nil
	case m.old.dir && strings.HasPrefix(m.to, m.old.key):
		return syscall.EINVAL
	case m.target.absent:
		return m.v.vacant(ctx, m.to, m.newName)
	case m.old.dir && !m.target.dir:
		return syscall.ENOTDIR
	case !m.old.dir && m.target.dir:
		return syscall.EISDIR
	case m.target.dir:
		return m.v.empty(ctx, m.target.key)
	}
	return nil
}

// run moves a file. It reports whether it is a directory that is to be moved.
func (m *move) run(ctx context.Context) (isDir bool, err error) {
	if err := m.look(ctx); err != nil || m.targetIsTheFile || m.old.dir {
		return m.old.dir, err
	}
	if err := m.v.keepParent(ctx, m.from, m.oldName); err != nil {
		return false, err
	}
	release, err := m.hold(ctx)
	if err != nil {
		return false, err
	}
	defer release()
	key := m.to + m.newName
	if !m.target.absent {
		key = m.target.key
	}
	stored := m.file == nil || m.file.mayExist()
	now, err := m.transfer(ctx, key)
	if err != nil {
		return false, err
	}
	if stored {
		err = m.v.s.delete(ctx, m.old.key)
	}
	m.moved(key, now)
	if err != nil { // the old name is that of a new file, with the same content
		m.v.lists.forget(m.from)
		err = fmt.Errorf("both names are there: %w", err)
	}
	return false, err
}

// hold takes busy of the files in use, in the order of their keys.
func (m *move) hold(ctx context.Context) (release func(), err error) {
	first, second := m.file, m.targetIn
	if m.from+m.oldName > m.to+m.newName {
		first, second = second, first
	}
	release = func() {}
	for _, in := range []*inode{first, second} {
		if in == nil {
			continue
		}
		if in == m.targetIn {
			err = in.quiesce(ctx)
		} else {
			err = in.busy.lock(ctx)
		}
		if err != nil {
			release()
			return nil, err
		}
		before := release
		release = func() { in.busy.unlock(); before() }
	}
	return release, nil
}

// transfer makes the object with the new key: from the host, if the store does
// not have what the file has now.
func (m *move) transfer(ctx context.Context, key string) (version, error) {
	if m.file != nil {
		u := &upload{}
		if err := m.file.uploadBusy(ctx, u, key, !m.target.absent); err != nil {
			return version{}, err
		}
		if u.seq > 0 {
			m.file.mu.RLock()
			defer m.file.mu.RUnlock()
			return m.file.base, nil
		}
	}
	if err := m.v.s.copy(ctx, key, m.old.key, m.old.size); err != nil {
		if isNotFound(err) {
			m.v.forgetMissing(m.old.key)
		}
		return version{}, err
	}
	a, err := m.v.s.attributes(ctx, key)
	if err != nil {
		return version{}, err
	}
	now := versionOf(a)
	if m.file != nil && now.size != m.file.attr().Size {
		return now, changedError(RequestCopy, m.old.key, m.old.version, now)
	}
	return now, nil
}

// moved gives everything in memory the new key.
func (m *move) moved(key string, now version) {
	if m.targetIn != nil {
		m.targetIn.gone()
	}
	m.v.rekey(m.file, m.old.key, key, now)
	m.v.ids.Move(ids.File, m.old.key, key)
	e := entryOf(key, now)
	if m.file == nil {
		e.kept, e.looked = m.old.kept, m.old.looked
	}
	m.v.seen(e)
	m.v.lists.set(m.from, entry{name: m.oldName, absent: true})
	m.v.lists.touch(m.from)
	m.v.lists.touch(m.to)
}

// rekey gives a file that may be in use, and what is cached of it, a new key.
func (v *tree) rekey(in *inode, from, to string, now version) {
	v.outdateFetch(from)
	v.outdate(to)
	v.disk.Rekey(from, to, now)
	if in == nil {
		return
	}
	v.mu.Lock()
	defer v.mu.Unlock()
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
