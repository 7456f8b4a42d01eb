package archive

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/directfs/runsc/pkg/volume"
)

var (
	ctx  = context.Background()
	read = volume.OpenHow{Read: true}
)

// makeZip lets f write a zip.
func makeZip(t testing.TB, f func(w *zip.Writer)) []byte {
	t.Helper()
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	f(w)
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// member adds an entry to a zip.
func addMember(w *zip.Writer, h zip.FileHeader, content string) {
	f, err := w.CreateHeader(&h)
	if err != nil {
		panic(err)
	}
	if _, err := io.WriteString(f, content); err != nil {
		panic(err)
	}
}

func unixHeader(name string, mode fs.FileMode) zip.FileHeader {
	h := zip.FileHeader{Name: name, Method: zip.Deflate}
	h.SetMode(mode)
	return h
}

// makeTar writes headers, and after each as many bytes of x as it says.
func makeTar(t testing.TB, headers ...tar.Header) []byte {
	t.Helper()
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for _, h := range headers {
		if err := w.WriteHeader(&h); err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(w, strings.Repeat("x", int(h.Size))); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func gzipped(b []byte) []byte {
	var out bytes.Buffer
	w := gzip.NewWriter(&out)
	w.Write(b)
	w.Close()
	return out.Bytes()
}

type opener func(io.ReaderAt, int64, Options) (volume.Volume, error)

func mustOpen(t testing.TB, open opener, b []byte, o Options) volume.Volume {
	t.Helper()
	v, err := open(bytes.NewReader(b), int64(len(b)), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := v.Close(ctx); err != nil {
			t.Error(err)
		}
	})
	return v
}

// refused opens an archive that must be refused, for a rule and an entry.
func refused(t *testing.T, open opener, b []byte, o Options, rule error, name string) {
	t.Helper()
	v, err := open(bytes.NewReader(b), int64(len(b)), o)
	var entry *EntryError
	if v != nil || !errors.Is(err, rule) || !errors.As(err, &entry) {
		t.Fatalf("error %v, want %v", err, rule)
	}
	if entry.Name != name {
		t.Errorf("entry %q, want %q", entry.Name, name)
	}
	if len(err.Error()) > 2000 {
		t.Errorf("the text has %d bytes", len(err.Error()))
	}
}

// walk returns everything in a volume: path to attributes and content or target.
func walk(v volume.Volume) (map[string]string, error) {
	root, err := v.Root(ctx)
	if err != nil {
		return nil, err
	}
	all := map[string]string{}
	return all, walkDir(v, root.ID, "", all)
}

func walkDir(v volume.Volume, dir volume.ID, path string, all map[string]string) error {
	for after := ""; ; {
		page, err := v.ReadDir(ctx, dir, after, 2)
		if err != nil || len(page) == 0 {
			return err
		}
		for _, e := range page {
			if e.Name <= after {
				return fmt.Errorf("%q is listed after %q", e.Name, after)
			}
			after = e.Name
			if err := walkEntry(v, dir, e, path+"/"+e.Name, all); err != nil {
				return fmt.Errorf("%s: %w", path+"/"+e.Name, err)
			}
		}
	}
}

func walkEntry(v volume.Volume, dir volume.ID, e volume.Entry, path string, all map[string]string) error {
	a, err := v.Lookup(ctx, dir, e.Name)
	if err != nil {
		return err
	}
	if a.ID != e.ID || a.Mode.Type() != e.Type {
		return fmt.Errorf("listed as %+v, found as %+v", e, a)
	}
	text := ""
	switch e.Type {
	case fs.ModeDir:
		err = walkDir(v, a.ID, path, all)
	case fs.ModeSymlink:
		text, err = v.(volume.LinkReader).ReadLink(ctx, a.ID)
	default:
		text, err = content(v, a)
	}
	all[path] = strings.TrimSpace(fmt.Sprintf("%v %d:%d %s", a.Mode, a.UID, a.GID, text))
	return err
}

// content reads a file in pieces, from its end to its beginning.
func content(v volume.Volume, a volume.Attr) (string, error) {
	h, err := v.Open(ctx, a.ID, read)
	if err != nil {
		return "", err
	}
	defer h.Close(ctx)
	b := make([]byte, a.Size)
	const piece = 1000
	for off := a.Size / piece * piece; off >= 0; off -= piece {
		p := b[off:min(off+piece, a.Size)]
		if n, err := h.ReadAt(ctx, p, off); n < len(p) {
			return "", fmt.Errorf("%d bytes at %d: %w", n, off, err)
		}
	}
	if n, err := h.ReadAt(ctx, make([]byte, 1), a.Size); n != 0 || err != io.EOF {
		return "", fmt.Errorf("after the end: %d, %v", n, err)
	}
	return string(b), nil
}

func holds(t *testing.T, v volume.Volume, want map[string]string) {
	t.Helper()
	got, err := walk(v)
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range slices.Sorted(maps.Keys(got)) {
		if got[path] != want[path] {
			t.Errorf("%s: %q, want %q", path, got[path], want[path])
		}
	}
	if len(got) != len(want) {
		t.Errorf("%d files, want %d", len(got), len(want))
	}
}
