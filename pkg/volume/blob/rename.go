package blob

import (
	"context"
	"fmt"
	"io/fs"
	"strings"
	"syscall"

	"github.com/directfs/runsc/pkg/volume"
)

// Rename implements volume.Writable: a copy and a deletion in the store. A crash
// in between leaves both names. A directory is moved object by object, see
// Config.RenameObjects.
func (v *writable) Rename(ctx context.Context, oldDir volume.ID, oldName string, newDir volume.ID, newName string, noReplace bool) error {
	m := &move{v: v, oldDir: oldDir, newDir: newDir, oldName: oldName, newName: newName, noReplace: noReplace}
	done, err := m.change(ctx)
	if err != nil {
		return err
	}
	again, err := m.run(ctx)
	m.unpin()
	done()
	if !again || err != nil {
		return err
	}
	if err := v.names.Acquire(ctx, wholeTree); err != nil { // a directory
		return err
	}
	defer v.names.Release(wholeTree)
	if err := m.resolve(ctx); err != nil {
		return err
	}
	defer m.unpin()
	return m.runDir(ctx)
}

func (m *move) resolve(ctx context.Context) (err error) {
	if m.from, err = m.v.directory(ctx, m.oldDir); err == nil {
		m.to, err = m.v.directory(ctx, m.newDir)
	}
	return err
}

// change is writable.change for two directories.
func (m *move) change(ctx context.Context) (done func(), err error) {
	for {
		from, err := m.v.dirKey(string(m.oldDir))
		if err != nil {
			return nil, err
		}
		to, err := m.v.dirKey(string(m.newDir))
		if err != nil {
			return nil, err
		}
		if done, err = m.v.holdNames(ctx, from, to, to+m.newName+"/"); err != nil {
			return nil, err
		}
		err = m.resolve(ctx)
		if err == nil && from == m.from && to == m.to {
			return done, nil
		}
		done()
		if err != nil {
			return nil, err
		}
	}
}

// unpin ends the use of what look found.
func (m *move) unpin() {
	for _, in := range []*inode{m.file, m.targetIn} {
		if in != nil {
			in.unpin()
		}
	}
	m.file, m.targetIn = nil, nil
}

// move is one rename.
type move struct {
	v                *writable
	oldDir, newDir   volume.ID
	from, to         string // their keys
	oldName, newName string
	noReplace        bool

	old, target    entry
	file, targetIn *inode // those in use
	onItself       bool
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
	m.onItself = m.from == m.to && m.oldName == m.newName
	switch {
	case m.old.absent:
		return fs.ErrNotExist
	case m.noReplace && !m.target.absent:
		return fs.ErrExist
	case m.onItself:
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
	if err := m.look(ctx); err != nil || m.onItself || m.old.dir {
		return m.old.dir && !m.onItself, err
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
	stored, err := m.file.owns(ctx)
	if err != nil {
		return false, err
	}
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
