package hostdir

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/directfs/runsc/pkg/volume"
)

// fixture is a volume on a new directory, with the calls that tests make often.
type fixture struct {
	*testing.T
	*Volume
	dir  string
	root volume.ID
}

func start(t *testing.T, o Options) fixture {
	t.Helper()
	dir := t.TempDir()
	w, err := Open(dir, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { w.Close(t.Context()) })
	v, ok := w.(*Volume)
	if !ok {
		v = w.(Donor).Volume
	}
	root, err := v.Root(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return fixture{t, v, dir, root.ID}
}

var (
	mine  = volume.NewFile{Perm: 0o644, UID: uint32(os.Getuid()), GID: uint32(os.Getgid())}
	both  = volume.OpenHow{Read: true, Write: true}
	read  = volume.OpenHow{Read: true}
	write = volume.OpenHow{Write: true}
)

// ctx is not the test's, which ends before its cleanup.
var ctx = context.Background()

func (f fixture) must(err error) {
	f.Helper()
	if err != nil {
		f.Fatal(err)
	}
}

func (f fixture) is(got, want error) {
	f.Helper()
	if !errors.Is(got, want) {
		f.Fatalf("error %v, want %v", got, want)
	}
}

func (f fixture) create(dir volume.ID, name string) (volume.Attr, volume.WritableHandle) {
	f.Helper()
	a, h, err := f.Create(ctx, dir, name, mine, both)
	f.must(err)
	f.Cleanup(func() { h.Close(ctx) })
	return a, h
}

func (f fixture) mkdir(dir volume.ID, name string) volume.ID {
	f.Helper()
	nf := mine
	nf.Perm = 0o755
	a, err := f.Mkdir(ctx, dir, name, nf)
	f.must(err)
	return a.ID
}

func (f fixture) lookup(dir volume.ID, name string) volume.Attr {
	f.Helper()
	a, err := f.Lookup(ctx, dir, name)
	f.must(err)
	return a
}

func (f fixture) list(dir volume.ID, limit int) []string {
	f.Helper()
	var names []string
	for after := ""; ; after = names[len(names)-1] {
		page, err := f.ReadDir(ctx, dir, after, limit)
		f.must(err)
		if len(page) == 0 {
			return names
		}
		for _, e := range page {
			names = append(names, e.Name)
		}
	}
}

func TestFileIsFoundByItsIDWhereverItIsRenamed(t *testing.T) {
	f := start(t, Options{})
	top := f.mkdir(f.root, "top")
	deep := f.mkdir(top, "deep")
	a, _ := f.create(deep, "file")
	f.must(f.Rename(ctx, f.root, "top", f.root, "renamed", false))
	if got, err := f.Stat(ctx, a.ID); err != nil || got.ID != a.ID {
		t.Fatalf("below a renamed directory: %+v, %v", got, err)
	}
	f.must(f.Rename(ctx, deep, "file", f.root, "other", false))
	if got, err := f.Stat(ctx, a.ID); err != nil || got.ID != a.ID {
		t.Fatalf("renamed: %+v, %v", got, err)
	}
	if got := f.lookup(f.root, "other"); got.ID != a.ID {
		t.Error("its ID changed")
	}
	_, err := f.Lookup(ctx, deep, "file")
	f.is(err, fs.ErrNotExist)
}

func TestIDIsNotUsedAgainAfterRemoval(t *testing.T) {
	f := start(t, Options{})
	seen := map[volume.ID]bool{}
	for range 200 {
		a, h, err := f.Create(ctx, f.root, "file", mine, both)
		f.must(err)
		f.must(h.Close(ctx))
		if seen[a.ID] {
			t.Fatal("the ID was used before")
		}
		seen[a.ID] = true
		f.must(f.Remove(ctx, f.root, "file", false))
		_, err = f.Stat(ctx, a.ID)
		f.is(err, fs.ErrNotExist)
	}
	if n := len(f.table.nodes); n != 1 {
		t.Errorf("%d files are known, want the root alone", n)
	}
}

func TestHardLinksShareAnIDAndEachNameCounts(t *testing.T) {
	f := start(t, Options{})
	a, h := f.create(f.root, "one")
	f.must(h.Close(ctx))
	two, err := f.Link(ctx, a.ID, f.root, "two")
	f.must(err)
	if two.ID != a.ID || two.Links != 2 {
		t.Fatalf("%+v, want the ID of the first name and 2 links", two)
	}
	_, err = f.Link(ctx, a.ID, f.root, "two")
	f.is(err, fs.ErrExist)
	f.must(f.Rename(ctx, f.root, "one", f.root, "two", false)) // both names stay
	f.must(f.Remove(ctx, f.root, "two", false))
	if got, err := f.Stat(ctx, a.ID); err != nil || got.Links != 1 {
		t.Fatalf("after a name was removed: %+v, %v", got, err)
	}
	_, err = f.Link(ctx, f.mkdir(f.root, "dir"), f.root, "three")
	f.is(err, unix.EPERM)
}

func TestRenameReplacesAsTheKernelDoes(t *testing.T) {
	f := start(t, Options{})
	dir, full := f.mkdir(f.root, "dir"), f.mkdir(f.root, "full")
	f.create(full, "inside")
	a, _ := f.create(f.root, "a")
	b, _ := f.create(f.root, "b")
	f.is(f.Rename(ctx, f.root, "a", f.root, "b", true), fs.ErrExist)
	f.is(f.Rename(ctx, f.root, "a", f.root, "dir", false), unix.EISDIR)
	f.is(f.Rename(ctx, f.root, "dir", f.root, "a", false), unix.ENOTDIR)
	f.is(f.Rename(ctx, f.root, "dir", f.root, "full", false), unix.ENOTEMPTY)
	f.is(f.Rename(ctx, f.root, "dir", dir, "self", false), unix.EINVAL)
	_, h := f.create(f.root, "c")
	f.must(h.Close(ctx))
	known := len(f.table.nodes)
	f.must(f.Rename(ctx, f.root, "b", f.root, "c", false))
	f.must(f.Rename(ctx, f.root, "c", f.root, "b", false))
	if got := len(f.table.nodes); got != known-1 {
		t.Errorf("%d files are known, want %d: c was replaced", got, known-1)
	}
	f.must(f.Rename(ctx, f.root, "a", f.root, "b", false))
	if got := f.lookup(f.root, "b"); got.ID != a.ID {
		t.Error("b is not what was a")
	}
	if got, err := f.Stat(ctx, b.ID); err != nil || got.Links != 0 {
		t.Errorf("the replaced file, which is open: %+v, %v", got, err)
	}
}

func TestRemoveChecksTheType(t *testing.T) {
	f := start(t, Options{})
	dir := f.mkdir(f.root, "dir")
	f.create(dir, "file")
	f.is(f.Remove(ctx, f.root, "dir", true), unix.ENOTEMPTY)
	f.is(f.Remove(ctx, f.root, "dir", false), unix.EISDIR)
	f.is(f.Remove(ctx, dir, "file", true), unix.ENOTDIR)
	f.is(f.Remove(ctx, dir, "none", false), fs.ErrNotExist)
}
