package volume_test

import (
	"archive/zip"
	"bytes"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/directfs/runsc/pkg/volume"
)

func TestFromFSOwnersAndPermissions(t *testing.T) {
	fsys := fstest.MapFS{
		"setuid": {Mode: 0o755 | fs.ModeSetuid | fs.ModeSetgid},
		"sticky": {Mode: fs.ModeDir | 0o777 | fs.ModeSticky},
	}
	plain := volume.FromFS(fsys)
	changed := volume.FromFS(fsys, volume.Owner(1000, 2000), volume.Permissions(0o444, 0o555))
	for _, c := range []struct {
		v    volume.Volume
		name string
		mode fs.FileMode
		uid  uint32
	}{
		{plain, "setuid", 0o755, 0},
		{plain, "sticky", fs.ModeDir | 0o777 | fs.ModeSticky, 0},
		{changed, "setuid", 0o444, 1000},
		{changed, "sticky", fs.ModeDir | 0o555 | fs.ModeSticky, 1000},
	} {
		if a := find(t, c.v, c.name); a.Mode != c.mode || a.UID != c.uid || a.GID != 2*c.uid {
			t.Errorf("%s: %+v, want %v", c.name, a, c.mode)
		}
	}
}

func TestFromFSPages(t *testing.T) {
	fsys := fstest.MapFS{}
	var want []string
	for i := range 100 {
		want = append(want, fmt.Sprintf("%03d", i))
		fsys[want[i]] = &fstest.MapFile{}
	}
	v := volume.FromFS(fsys)
	for _, limit := range []int{1, 7, 100, 1000, 0} {
		if got := names(t, v, ".", "", limit); !slices.Equal(got, want) {
			t.Errorf("limit %d: %q", limit, got)
		}
	}
	if got := names(t, v, ".", "0495", 3); !slices.Equal(got, want[50:]) {
		t.Errorf("after a name that is missing: %q", got)
	}
	page, err := v.ReadDir(ctx, ".", "", 50)
	if err != nil {
		t.Fatal(err)
	}
	delete(fsys, "060")
	if got := names(t, v, ".", page[49].Name, 50); !slices.Contains(got, "059") || !slices.Contains(got, "061") {
		t.Errorf("after a removal: %q", got)
	}
	if got := names(t, v, ".", "", 0); slices.Contains(got, "060") {
		t.Error("what was removed is listed anew")
	}
}

func names(t *testing.T, v volume.Volume, dir volume.ID, after string, limit int) (all []string) {
	t.Helper()
	for {
		page, err := v.ReadDir(ctx, dir, after, limit)
		if err != nil {
			t.Fatal(err)
		}
		if len(page) == 0 {
			return all
		}
		for _, e := range page {
			all, after = append(all, e.Name), e.Name
		}
	}
}

func TestFromFSHidesNoBadNames(t *testing.T) {
	bad := []string{"", ".", "a/b", "b"}
	page, err := volume.FromFS(badNames(bad)).ReadDir(ctx, ".", "", 0)
	if err != nil || len(page) != len(bad) {
		t.Fatalf("%v, %v", page, err)
	}
	for i, e := range page {
		if e.Name != bad[i] {
			t.Errorf("%q, want %q", e.Name, bad[i])
		}
	}
}

// badNames is a file system that lists whatever names.
type badNames []string

func (badNames) Open(string) (fs.File, error) { return fstest.MapFS{}.Open(".") }

func (b badNames) ReadDir(string) (list []fs.DirEntry, err error) {
	for _, name := range b {
		list = append(list, namedEntry{must(fs.Stat(fstest.MapFS{}, ".")), name})
	}
	return list, nil
}

type namedEntry struct {
	fs.FileInfo
	name string
}

func (e namedEntry) Name() string               { return e.name }
func (e namedEntry) Type() fs.FileMode          { return 0 }
func (e namedEntry) Info() (fs.FileInfo, error) { return e.FileInfo, nil }

func TestFromFSDonatesWhatIsOpenForReading(t *testing.T) {
	dir := tree(t)
	h := openFile(t, volume.FromFS(os.DirFS(dir)), "dir/file")
	host := h.(volume.FileDonor).HostFile()
	if b, err := io.ReadAll(host); err != nil || string(b) != "content" {
		t.Errorf("%q, %v", b, err)
	}
	h = openFile(t, volume.FromFS(writing{os.DirFS(dir), dir}), "dir/file")
	if h.(volume.FileDonor).HostFile() != nil {
		t.Error("a file that is open for writing was donated")
	}
}

// writing is os.DirFS that opens files for writing too.
type writing struct {
	fs.FS
	dir string
}

func (w writing) Open(name string) (fs.File, error) {
	f, err := os.OpenFile(filepath.Join(w.dir, name), os.O_RDWR, 0)
	if err != nil {
		return w.FS.Open(name)
	}
	return f, nil
}

func TestFromFSOfAZip(t *testing.T) {
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	f := must(w.Create("dir/file"))
	content := strings.Repeat("0123456789abcdef", 100_000)
	io.WriteString(f, content)
	w.Close()
	v := volume.FromFS(must(zip.NewReader(bytes.NewReader(b.Bytes()), int64(b.Len()))))
	h := openFile(t, v, "dir/file")
	got := make([]byte, len(content))
	if n, err := h.ReadAt(ctx, got, 0); n != len(content) || err != nil || string(got) != content {
		t.Errorf("%d bytes, %v", n, err)
	}
}
