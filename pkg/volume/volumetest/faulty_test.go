package volumetest

import (
	"context"
	"testing"

	"github.com/directfs/runsc/pkg/volume"
	"github.com/directfs/runsc/pkg/volume/memory"
)

// faulty is the reference backend, in which single methods are replaced.
type faulty struct {
	*memory.Volume
	tb    testing.TB
	donor *rootDonor // what this is embedded in, if anything

	root        func(ctx context.Context) (volume.Attr, error)
	lookup      func(ctx context.Context, dir volume.ID, name string) (volume.Attr, error)
	stat        func(ctx context.Context, id volume.ID) (volume.Attr, error)
	readDir     func(ctx context.Context, dir volume.ID, after string, limit int) ([]volume.Entry, error)
	mkdir       func(ctx context.Context, dir volume.ID, name string, f volume.NewFile) (volume.Attr, error)
	remove      func(ctx context.Context, dir volume.ID, name string, directory bool) error
	rename      func(ctx context.Context, oldDir volume.ID, oldName string, newDir volume.ID, newName string, noReplace bool) error
	setAttr     func(ctx context.Context, id volume.ID, c volume.Change) error
	readLink    func(ctx context.Context, id volume.ID) (string, error)
	symlink     func(ctx context.Context, dir volume.ID, name, target string, f volume.NewFile) (volume.Attr, error)
	link        func(ctx context.Context, id, dir volume.ID, name string) (volume.Attr, error)
	getXattr    func(ctx context.Context, id volume.ID, name string) ([]byte, error)
	listXattr   func(ctx context.Context, id volume.ID) ([]string, error)
	setXattr    func(ctx context.Context, id volume.ID, name string, value []byte, create, replace bool) error
	removeXattr func(ctx context.Context, id volume.ID, name string) error
	usage       func(ctx context.Context) (volume.Usage, error)
	create      func(ctx context.Context, dir volume.ID, name string, f volume.NewFile, how volume.OpenHow) (volume.Attr, volume.WritableHandle, error)
	open        func(ctx context.Context, id volume.ID, how volume.OpenHow) (volume.Handle, error)

	// handle replaces methods of every handle.
	handle func(h *faultyHandle)
}

// newFaulty returns the reference, with nothing replaced.
func newFaulty(tb testing.TB) *faulty {
	m := memory.New(memory.Options{DonateFiles: true})
	return &faulty{
		Volume:      m,
		tb:          tb,
		root:        m.Root,
		lookup:      m.Lookup,
		stat:        m.Stat,
		readDir:     m.ReadDir,
		mkdir:       m.Mkdir,
		remove:      m.Remove,
		rename:      m.Rename,
		setAttr:     m.SetAttr,
		readLink:    m.ReadLink,
		symlink:     m.Symlink,
		link:        m.Link,
		getXattr:    m.GetXattr,
		listXattr:   m.ListXattr,
		setXattr:    m.SetXattr,
		removeXattr: m.RemoveXattr,
		usage:       m.Usage,
		create:      m.Create,
		open:        m.Open,
		handle:      func(*faultyHandle) {},
	}
}

func (f *faulty) Root(ctx context.Context) (volume.Attr, error) {
	return f.root(ctx)
}

func (f *faulty) Lookup(ctx context.Context, dir volume.ID, name string) (volume.Attr, error) {
	return f.lookup(ctx, dir, name)
}

func (f *faulty) Stat(ctx context.Context, id volume.ID) (volume.Attr, error) {
	return f.stat(ctx, id)
}

func (f *faulty) ReadDir(ctx context.Context, dir volume.ID, after string, limit int) ([]volume.Entry, error) {
	return f.readDir(ctx, dir, after, limit)
}

func (f *faulty) Mkdir(ctx context.Context, dir volume.ID, name string, n volume.NewFile) (volume.Attr, error) {
	return f.mkdir(ctx, dir, name, n)
}

func (f *faulty) Remove(ctx context.Context, dir volume.ID, name string, directory bool) error {
	return f.remove(ctx, dir, name, directory)
}

func (f *faulty) Rename(ctx context.Context, oldDir volume.ID, oldName string, newDir volume.ID, newName string, noReplace bool) error {
	return f.rename(ctx, oldDir, oldName, newDir, newName, noReplace)
}

func (f *faulty) SetAttr(ctx context.Context, id volume.ID, c volume.Change) error {
	return f.setAttr(ctx, id, c)
}

func (f *faulty) ReadLink(ctx context.Context, id volume.ID) (string, error) {
	return f.readLink(ctx, id)
}

func (f *faulty) Symlink(ctx context.Context, dir volume.ID, name, target string, n volume.NewFile) (volume.Attr, error) {
	return f.symlink(ctx, dir, name, target, n)
}

func (f *faulty) Link(ctx context.Context, id, dir volume.ID, name string) (volume.Attr, error) {
	return f.link(ctx, id, dir, name)
}

func (f *faulty) GetXattr(ctx context.Context, id volume.ID, name string) ([]byte, error) {
	return f.getXattr(ctx, id, name)
}

func (f *faulty) ListXattr(ctx context.Context, id volume.ID) ([]string, error) {
	return f.listXattr(ctx, id)
}

func (f *faulty) SetXattr(ctx context.Context, id volume.ID, name string, value []byte, create, replace bool) error {
	return f.setXattr(ctx, id, name, value, create, replace)
}

func (f *faulty) RemoveXattr(ctx context.Context, id volume.ID, name string) error {
	return f.removeXattr(ctx, id, name)
}

func (f *faulty) Usage(ctx context.Context) (volume.Usage, error) {
	return f.usage(ctx)
}

// found replaces what Lookup returns for the names of a volume.
func (f *faulty) found(change func(name string, a *volume.Attr)) {
	f.lookup = func(ctx context.Context, dir volume.ID, name string) (volume.Attr, error) {
		a, err := f.Volume.Lookup(ctx, dir, name)
		change(name, &a)
		return a, err
	}
}

// listed replaces a page of ReadDir.
func (f *faulty) listed(change func(after string, limit int, page []volume.Entry) []volume.Entry) {
	f.readDir = func(ctx context.Context, dir volume.ID, after string, limit int) ([]volume.Entry, error) {
		page, err := f.Volume.ReadDir(ctx, dir, after, limit)
		return change(after, limit, page), err
	}
}
