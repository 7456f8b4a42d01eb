package archive

import (
	"archive/tar"
	"bytes"
	"errors"
	"io"
	"io/fs"
	"os"
	"strings"
	"syscall"
	"testing"

	"github.com/directfs/runsc/pkg/volume"
)

// xs is what makeTar writes.
func xs(n int) string { return strings.Repeat("x", n) }

func reg(name string, size int64) tar.Header {
	return tar.Header{Typeflag: tar.TypeReg, Name: name, Mode: 0o644, Size: size}
}

func TestTar(t *testing.T) {
	long := strings.Repeat("long/", 40) + strings.Repeat("n", 200)
	b := makeTar(t,
		tar.Header{Typeflag: tar.TypeXGlobalHeader, Name: "pax_global_header", PAXRecords: map[string]string{"comment": "a commit"}},
		tar.Header{Typeflag: tar.TypeDir, Name: "./", Mode: 0o700, Uid: 5},
		tar.Header{Typeflag: tar.TypeReg, Name: "./a", Mode: 0o4755, Uid: 1, Gid: 2, Size: 1025},
		tar.Header{Typeflag: tar.TypeLink, Name: "hard", Linkname: "./a"},
		tar.Header{Typeflag: tar.TypeSymlink, Name: "soft", Linkname: "/etc/passwd"},
		tar.Header{Typeflag: tar.TypeLink, Name: "hard to soft", Linkname: "soft"},
		tar.Header{Typeflag: tar.TypeReg, Name: `x\x2dy`, Mode: 0o600, Uid: 1 << 31},
		tar.Header{Typeflag: tar.TypeReg, Name: long, Size: 3, Format: tar.FormatGNU},
	)
	for name, b := range map[string][]byte{"plain": b, "gzip": gzipped(b), "padded": append(bytes.Clone(b), make([]byte, 9*1024)...)} {
		t.Run(name, func(t *testing.T) {
			temp := t.TempDir()
			v := mustOpen(t, OpenTar, b, Options{CacheDir: temp})
			got, err := walk(v)
			if err != nil {
				t.Fatal(err)
			}
			for path, want := range map[string]string{
				"/a": "urwxr-xr-x 1:2 " + xs(1025), "/hard": "urwxr-xr-x 1:2 " + xs(1025),
				"/soft": "Lrwxrwxrwx 0:0 /etc/passwd", "/hard to soft": "Lrwxrwxrwx 0:0 /etc/passwd",
				`/x\x2dy`: "-rw------- 2147483648:0", "/" + long: "---------- 0:0 xxx", "/long": "drwxr-xr-x 0:0",
			} {
				if got[path] != want {
					t.Errorf("%s: %q, want %q", path, got[path], want)
				}
			}
			if root, _ := v.Root(ctx); root.UID != 5 || root.Mode != fs.ModeDir|0o700 {
				t.Errorf("root %+v", root)
			}
			one, _ := v.Lookup(ctx, "0", "a")
			two, _ := v.Lookup(ctx, "0", "hard")
			if one.ID != two.ID || one.Links != 2 {
				t.Errorf("%+v and %+v are not one file", one, two)
			}
			if left, _ := os.ReadDir(temp); len(left) != 0 {
				t.Errorf("left in the directory: %v", left)
			}
		})
	}
}

// shrunk is an archive that loses its end after it was opened.
type shrunk struct {
	io.ReaderAt
	size int64
}

func (s *shrunk) ReadAt(p []byte, off int64) (int, error) {
	return io.NewSectionReader(s.ReaderAt, 0, s.size).ReadAt(p, off)
}

func TestTarThatShrinksIsAnErrorAndNoEndOfFile(t *testing.T) {
	b := makeTar(t, reg("a", 1000))
	s := &shrunk{bytes.NewReader(b), int64(len(b))}
	v, err := OpenTar(s, s.size, Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer v.Close(ctx)
	s.size = 512 + 100
	h, err := open(t, v, "a")
	if err != nil {
		t.Fatal(err)
	}
	if n, err := h.ReadAt(ctx, make([]byte, 1000), 0); n != 100 || !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("%d bytes, %v", n, err)
	}
}

func TestArchiveAnswersAsAVolume(t *testing.T) {
	v := mustOpen(t, OpenTar, makeTar(t, reg("a/b", 1), tar.Header{Typeflag: tar.TypeSymlink, Name: "l", Linkname: "a"}), Options{})
	dir, _ := v.Lookup(ctx, "0", "a")
	file, _ := v.Lookup(ctx, dir.ID, "b")
	link, _ := v.Lookup(ctx, "0", "l")
	_, noName := v.Lookup(ctx, "0", "none")
	_, noDir := v.Lookup(ctx, file.ID, "none")
	_, noList := v.ReadDir(ctx, file.ID, "", 0)
	_, noID := v.Stat(ctx, "7")
	_, badID := v.Stat(ctx, "-1")
	_, openDir := v.Open(ctx, dir.ID, read)
	_, openLink := v.Open(ctx, link.ID, read)
	_, openWrite := v.Open(ctx, file.ID, volume.OpenHow{Write: true})
	_, notALink := v.(volume.LinkReader).ReadLink(ctx, file.ID)
	for name, c := range map[string]struct{ got, want error }{
		"a name that is missing": {noName, fs.ErrNotExist}, "a name in a file": {noDir, syscall.ENOTDIR},
		"to list a file": {noList, syscall.ENOTDIR}, "an unknown ID": {noID, fs.ErrNotExist}, "a bad ID": {badID, fs.ErrNotExist},
		"to open a directory": {openDir, syscall.EISDIR}, "to open a link": {openLink, syscall.ELOOP},
		"to write": {openWrite, syscall.EROFS}, "the target of a file": {notALink, syscall.EINVAL},
	} {
		if !errors.Is(c.got, c.want) {
			t.Errorf("%s: %v, want %v", name, c.got, c.want)
		}
	}
}
