package volumetest

import (
	"io/fs"
	"maps"
	"slices"
	"syscall"

	"github.com/directfs/runsc/pkg/volume"
)

// model is what the random operations are compared with: a tree in which every
// call is a few lines. It is not the code of any backend.
type model struct {
	id      volume.ID
	kind    fs.FileMode // type bits
	content string      // or a link's target
	names   map[string]*model
	up      *model
}

func newModel(kind fs.FileMode, content string) *model {
	m := &model{kind: kind, content: content}
	if kind.IsDir() {
		m.names = map[string]*model{}
	}
	return m
}

func (m *model) sorted() []string { return slices.Sorted(maps.Keys(m.names)) }

// dirs lists m and the directories below it.
func (m *model) dirs() []*model {
	all := []*model{m}
	for _, name := range m.sorted() {
		if c := m.names[name]; c.kind.IsDir() {
			all = append(all, c.dirs()...)
		}
	}
	return all
}

// files lists the regular files below m, those with two names twice.
func (m *model) files() (all []*model) {
	for _, d := range m.dirs() {
		for _, name := range d.sorted() {
			if c := d.names[name]; c.kind.IsRegular() {
				all = append(all, c)
			}
		}
	}
	return all
}

func (m *model) put(name string, c *model) {
	m.names[name] = c
	if c.kind.IsDir() {
		c.up = m
	}
}

// newNameErrors returns the errors that making a name may have. None means that
// it must succeed.
func (m *model) newNameErrors(name string) []error {
	if m.names[name] != nil {
		return []error{fs.ErrExist}
	}
	return nil
}

func (m *model) removeErrors(name string, directory bool) []error {
	c := m.names[name]
	switch {
	case c == nil:
		return []error{fs.ErrNotExist}
	case directory && !c.kind.IsDir():
		return []error{syscall.ENOTDIR}
	case !directory && c.kind.IsDir():
		return []error{syscall.EISDIR}
	case len(c.names) > 0:
		return []error{syscall.ENOTEMPTY}
	}
	return nil
}

// renameErrors returns every error that applies: which comes first is not said.
func (m *model) renameErrors(name string, to *model, newName string, noReplace bool) (errs []error) {
	c, old := m.names[name], to.names[newName]
	if c == nil {
		errs = append(errs, fs.ErrNotExist)
	}
	if old != nil && noReplace {
		errs = append(errs, fs.ErrExist)
	}
	if c == nil || c == old {
		return errs
	}
	for d := to; d != nil; d = d.up {
		if d == c {
			errs = append(errs, syscall.EINVAL)
		}
	}
	return append(errs, replaceErrors(c, old)...)
}

func replaceErrors(c, old *model) (errs []error) {
	switch {
	case old == nil:
	case c.kind.IsDir() && !old.kind.IsDir():
		errs = append(errs, syscall.ENOTDIR)
	case !c.kind.IsDir() && old.kind.IsDir():
		errs = append(errs, syscall.EISDIR)
	}
	if old != nil && len(old.names) > 0 {
		errs = append(errs, syscall.ENOTEMPTY, syscall.EEXIST)
	}
	return errs
}

func (m *model) rename(name string, to *model, newName string) {
	c := m.names[name]
	if c == to.names[newName] {
		return
	}
	delete(m.names, name)
	to.put(newName, c)
}

// write is WriteAt.
func (m *model) write(s string, off int) {
	m.truncate(max(len(m.content), off+len(s)))
	m.content = m.content[:off] + s + m.content[off+len(s):]
}

func (m *model) truncate(size int) {
	if size <= len(m.content) {
		m.content = m.content[:size]
		return
	}
	m.content += string(make([]byte, size-len(m.content)))
}
