package volume_test

import (
	"context"
	"embed"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
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
