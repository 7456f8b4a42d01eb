package volume_test

import (
	"archive/zip"
	"bytes"
	"context"
	"embed"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"testing/fstest"

	"golang.org/x/sys/unix"

	"github.com/directfs/runsc/pkg/volume"
)

var (
	ctx  = context.Background()
	read = volume.OpenHow{Read: true}
)

//go:embed fromfs_test.go
var embedded embed.FS

// find looks a path up, name by name.
func find(t *testing.T, v volume.Volume, path string) volume.Attr {
	t.Helper()
	a, err := v.Root(ctx)
	for name := range strings.SplitSeq(path, "/") {
		if err == nil && path != "" {
			a, err = v.Lookup(ctx, a.ID, name)
		}
	}
	if err != nil {
		t.Fatalf("%s: %v", path, err)
	}
	return a
}

func openFile(t *testing.T, v volume.Volume, path string) volume.Handle {
	t.Helper()
	h, err := v.Open(ctx, find(t, v, path).ID, read)
	if err != nil {
		t.Fatalf("%s: %v", path, err)
	}
	t.Cleanup(func() { h.Close(ctx) })
	return h
}

// tree writes a directory of the host: a file, a directory and a link.
func tree(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	for _, err := range []error{
		os.Mkdir(filepath.Join(dir, "dir"), 0o755),
		os.WriteFile(filepath.Join(dir, "dir", "file"), []byte("content"), 0o644),
		os.Symlink("dir/file", filepath.Join(dir, "link")),
		unix.Mkfifo(filepath.Join(dir, "pipe"), 0o644),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func rootFS(t *testing.T, dir string) fs.FS {
	t.Helper()
	root, err := os.OpenRoot(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { root.Close() })
	return root.FS()
}

func TestFromFSReadsAnyFileSystem(t *testing.T) {
	content, err := embedded.ReadFile("fromfs_test.go")
	if err != nil {
		t.Fatal(err)
	}
	dir := tree(t)
	for name, c := range map[string]struct {
		fsys    fs.FS
		path    string
		content string
	}{
		"embed.FS":     {embedded, "fromfs_test.go", string(content)},
		"os.DirFS":     {os.DirFS(dir), "dir/file", "content"},
		"os.Root":      {rootFS(t, dir), "dir/file", "content"},
		"MapFS":        {fstest.MapFS{"dir/file": {Data: []byte("content")}}, "dir/file", "content"},
		"only Seeker":  {wrapped{fstest.MapFS{"dir/file": {Data: []byte("content")}}, seekOnly}, "dir/file", "content"},
		"only Reader":  {wrapped{fstest.MapFS{"dir/file": {Data: []byte("content")}}, readOnly}, "dir/file", "content"},
		"fs.Sub of it": {must(fs.Sub(os.DirFS(dir), "dir")), "file", "content"},
	} {
		t.Run(name, func(t *testing.T) {
			v := volume.FromFS(c.fsys)
			a := find(t, v, c.path)
			if a.Size != int64(len(c.content)) || !a.Mode.IsRegular() || a.UID != 0 {
				t.Errorf("%+v", a)
			}
			h := openFile(t, v, c.path)
			for off := a.Size; off >= 0; off-- {
				b := make([]byte, 3)
				n, err := h.ReadAt(ctx, b, off)
				want := c.content[off:min(off+3, a.Size)]
				if string(b[:n]) != want || (n < 3) != (err == io.EOF) || n == 3 && err != nil {
					t.Fatalf("at %d: %q, %v, want %q", off, b[:n], err, want)
				}
			}
		})
	}
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

func TestFromFSLinks(t *testing.T) {
	dir := tree(t)
	for name, fsys := range map[string]fs.FS{"os.DirFS": os.DirFS(dir), "os.Root": rootFS(t, dir)} {
		t.Run(name, func(t *testing.T) {
			v := volume.FromFS(fsys)
			link := find(t, v, "link")
			if link.Mode.Type() != fs.ModeSymlink || link.Size != int64(len("dir/file")) {
				t.Errorf("%+v", link)
			}
			if target, err := v.(volume.LinkReader).ReadLink(ctx, link.ID); err != nil || target != "dir/file" {
				t.Errorf("%q, %v", target, err)
			}
			_, err := v.(volume.LinkReader).ReadLink(ctx, find(t, v, "dir").ID)
			is(t, err, syscall.EINVAL)
		})
	}
	if _, ok := volume.FromFS(wrapped{fsys: os.DirFS(dir)}).(volume.LinkReader); ok {
		t.Error("a file system without links has some")
	}
}

func is(t *testing.T, got, want error) {
	t.Helper()
	if !errors.Is(got, want) {
		t.Errorf("error %v, want %v", got, want)
	}
}

func TestFromFSErrors(t *testing.T) {
	v := volume.FromFS(os.DirFS(tree(t)))
	root, file := find(t, v, ""), find(t, v, "dir/file")
	_, noName := v.Lookup(ctx, root.ID, "none")
	_, inFile := v.Lookup(ctx, file.ID, "none")
	_, notText := v.Lookup(ctx, root.ID, "\xff")
	_, listFile := v.ReadDir(ctx, file.ID, "", 0)
	_, listLink := v.ReadDir(ctx, find(t, v, "link").ID, "", 0)
	_, openDir := v.Open(ctx, root.ID, read)
	_, openLink := v.Open(ctx, find(t, v, "link").ID, read)
	_, openPipe := v.Open(ctx, find(t, v, "pipe").ID, read)
	_, openWrite := v.Open(ctx, file.ID, volume.OpenHow{Write: true})
	_, noID := v.Stat(ctx, "")
	_, fileAsRoot := volume.FromFS(fileFS{}).Root(ctx)
	_, inFileOfMap := volume.FromFS(fstest.MapFS{"file": {}}).Lookup(ctx, "file", "none")
	for _, c := range []struct{ got, want error }{
		{noName, fs.ErrNotExist}, {inFile, syscall.ENOTDIR}, {notText, syscall.EILSEQ}, {listFile, syscall.ENOTDIR},
		{listLink, syscall.ENOTDIR}, {openDir, syscall.EISDIR}, {openLink, syscall.ELOOP}, {openPipe, syscall.ENXIO},
		{openWrite, syscall.EROFS}, {noID, fs.ErrNotExist}, {fileAsRoot, syscall.ENOTDIR}, {inFileOfMap, syscall.ENOTDIR},
	} {
		is(t, c.got, c.want)
	}
}

// fileFS is a file system whose root is a file.
type fileFS struct{}

func (fileFS) Open(string) (fs.File, error) { return fstest.MapFS{"file": {}}.Open("file") }

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
