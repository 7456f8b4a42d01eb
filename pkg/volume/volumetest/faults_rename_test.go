package volumetest

import (
	"context"
	"errors"
	"io/fs"
	"syscall"

	"github.com/directfs/runsc/pkg/volume"
)

// move is what Rename is asked for, and what has the names: attributes without
// an ID where a name is free.
type move struct {
	ctx            context.Context
	oldDir, newDir volume.ID
	oldName        string
	newName        string
	noReplace      bool
	from, to       volume.Attr
}

// renaming replaces Rename. next is what the reference does.
func (f *faulty) renaming(rename func(m move, next func() error) error) {
	f.rename = func(ctx context.Context, oldDir volume.ID, oldName string, newDir volume.ID, newName string, noReplace bool) error {
		m := move{ctx: ctx, oldDir: oldDir, newDir: newDir, oldName: oldName, newName: newName, noReplace: noReplace}
		m.from, _ = f.Volume.Lookup(ctx, oldDir, oldName)
		m.to, _ = f.Volume.Lookup(ctx, newDir, newName)
		return rename(m, func() error {
			return f.Volume.Rename(ctx, oldDir, oldName, newDir, newName, noReplace)
		})
	}
}

// copies makes a new file or directory instead of moving the old one.
func copies(f *faulty) {
	f.renaming(func(m move, _ func() error) error {
		if m.from.Mode.IsDir() {
			a, err := f.Volume.Mkdir(m.ctx, m.newDir, m.newName, newFolder)
			entries, _ := f.Volume.ReadDir(m.ctx, m.from.ID, "", 1000)
			for _, e := range entries {
				err = errors.Join(err, f.Volume.Rename(m.ctx, m.from.ID, e.Name, a.ID, e.Name, false))
			}
			return errors.Join(err, f.Volume.Remove(m.ctx, m.oldDir, m.oldName, true))
		}
		_, h, err := f.Volume.Create(m.ctx, m.newDir, m.newName, newFile, writing)
		if err != nil {
			return err
		}
		return errors.Join(h.Close(m.ctx), f.Volume.Remove(m.ctx, m.oldDir, m.oldName, false))
	})
}

// neverReplaces refuses a name that exists.
func neverReplaces(f *faulty) {
	f.renaming(func(m move, next func() error) error {
		if m.to.ID != "" {
			return fs.ErrExist
		}
		return next()
	})
}

// makesRoom removes what has the new name first, whatever it is.
func makesRoom(f *faulty) {
	f.renaming(func(m move, next func() error) error {
		f.removeAll(m.ctx, m.newDir, m.newName)
		return next()
	})
}

var renameFaults = []fault{
	{"rename/a-file", "the old name stays", func(f *faulty) {
		f.renaming(func(m move, _ func() error) error {
			_, err := f.Volume.Link(m.ctx, m.from.ID, m.newDir, m.newName)
			return err
		})
	}},
	{"rename/a-file-to-another-directory", "in its own directory", func(f *faulty) {
		f.renaming(func(m move, _ func() error) error {
			return f.Volume.Rename(m.ctx, m.oldDir, m.oldName, m.oldDir, m.newName, m.noReplace)
		})
	}},
	{"rename/a-directory", "not between directories", func(f *faulty) {
		f.renaming(func(m move, next func() error) error {
			if m.oldDir != m.newDir {
				return syscall.EXDEV
			}
			return next()
		})
	}},
	{"rename/keeps-the-id", "copies", copies},
	{"rename/keeps-the-id-of-a-directory", "copies", copies},
	{"rename/replaces-a-file", "exists", neverReplaces},
	{"rename/replaces-an-empty-directory", "exists", neverReplaces},
	{"rename/to-itself", "makes room first", makesRoom},
	{"rename/between-names-of-one-file", "removes the old name", func(f *faulty) {
		f.renaming(func(m move, next func() error) error {
			if m.from.ID == m.to.ID {
				return f.Volume.Remove(m.ctx, m.oldDir, m.oldName, false)
			}
			return next()
		})
	}},
	{"rename/no-replace-of-a-free-name", "not known", func(f *faulty) {
		f.renaming(func(m move, next func() error) error {
			if m.noReplace {
				return syscall.EINVAL
			}
			return next()
		})
	}},
}

var renameErrorFaults = []fault{
	{"rename/no-replace", "is ignored", func(f *faulty) {
		f.renaming(func(m move, _ func() error) error {
			return f.Volume.Rename(m.ctx, m.oldDir, m.oldName, m.newDir, m.newName, false)
		})
	}},
	{"rename/a-missing-name", "succeeds", func(f *faulty) {
		f.renaming(func(m move, next func() error) error {
			if m.from.ID == "" {
				return nil
			}
			return next()
		})
	}},
	{"rename/a-missing-name", "removes the new name", makesRoom},
	{"rename/over-a-directory-that-is-not-empty", "removes it", makesRoom},
	{"rename/into-itself", "nothing happens", func(f *faulty) {
		f.renaming(func(_ move, next func() error) error {
			if err := next(); err != syscall.EINVAL {
				return err
			}
			return nil
		})
	}},
	{"rename/a-file-over-a-directory", "removes it", makesRoom},
	{"rename/a-directory-over-a-file", "removes it", makesRoom},
}
