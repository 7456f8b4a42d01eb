package hostdir

import (
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/directfs/runsc/pkg/volume"
)

func TestPagesListEverythingOnceWhileTheDirectoryChanges(t *testing.T) {
	f := start(t, Options{})
	for _, name := range []string{"b", "d", "f", "h"} {
		f.create(f.root, name)
	}
	if got := f.list(f.root, 3); !slices.Equal(got, []string{"b", "d", "f", "h"}) {
		t.Fatal(got)
	}
	first, err := f.ReadDir(ctx, f.root, "", 2)
	f.must(err)
	f.must(f.Remove(ctx, f.root, "f", false))
	f.create(f.root, "a")
	rest, err := f.ReadDir(ctx, f.root, first[1].Name, 1)
	f.must(err)
	if len(rest) != 1 || rest[0].Name != "h" {
		t.Fatalf("after b and d: %v, want h", rest)
	}
	if got := f.list(f.root, 0); !slices.Equal(got, []string{"a", "b", "d", "h"}) {
		t.Fatal(got)
	}
}

func TestRemovedOpenFileGoesOn(t *testing.T) {
	f := start(t, Options{})
	a, h := f.create(f.root, "file")
	f.must(f.Remove(ctx, f.root, "file", false))
	_, err := h.WriteAt(ctx, []byte("content"), 0)
	f.must(err)
	if got, err := f.Stat(ctx, a.ID); err != nil || got.Size != 7 || got.Links != 0 {
		t.Fatalf("%+v, %v", got, err)
	}
	size := int64(3)
	f.must(f.SetAttr(ctx, a.ID, volume.Change{Size: &size}))
	again, err := f.Open(ctx, a.ID, read)
	f.must(err)
	f.must(h.Close(ctx))
	b := make([]byte, 3)
	if _, err := again.ReadAt(ctx, b, 0); err != nil || string(b) != "con" {
		t.Errorf("%q, %v", b, err)
	}
	f.must(again.Close(ctx))
	_, err = f.Stat(ctx, a.ID)
	f.is(err, fs.ErrNotExist)
}

func TestForgottenFileIsStaleUntilItIsLookedUp(t *testing.T) {
	f := start(t, Options{MaxFiles: 1})
	for i := range minMaxFiles + 100 {
		f.must(os.WriteFile(filepath.Join(f.dir, string(rune('a'+i%26))+string(rune(0x4e00+i))), nil, 0o644))
	}
	page, err := f.ReadDir(ctx, f.root, "", 0)
	f.must(err)
	if n := len(f.table.nodes); n > minMaxFiles {
		t.Errorf("%d files are known", n)
	}
	_, err = f.Stat(ctx, page[0].ID)
	f.is(err, unix.ESTALE)
	if got := f.lookup(f.root, page[0].Name); got.ID != page[0].ID {
		t.Error("its ID changed")
	}
	_, err = f.Stat(ctx, page[0].ID)
	f.must(err)
}

func TestPathLongerThanTheKernelAccepts(t *testing.T) {
	f := start(t, Options{})
	name := string(make([]byte, 0, 200))
	for len(name) < 200 {
		name += "d"
	}
	dir := f.root
	for range 60 {
		dir = f.mkdir(dir, name)
	}
	a, _ := f.create(dir, "file")
	_, err := f.Stat(ctx, a.ID)
	f.must(err)
}
