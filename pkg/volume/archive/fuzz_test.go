package archive

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"io/fs"
	"strings"
	"testing"

	"github.com/directfs/runsc/pkg/volume"
)

// small bounds what a fuzzed archive may cost.
var small = Options{
	MaxEntries: 100, MaxDepth: 10, MaxIndexBytes: 64 << 10,
	MaxFileSize: 1 << 20, MaxTotalSize: 4 << 20, MaxRatio: 1000, CacheSize: 1 << 20,
}

// fuzzOpen checks what holds for any archive: it is a volume or an error, what is
// listed is found, and every file has its size or fails.
func fuzzOpen(t *testing.T, open opener, b []byte) {
	o := small
	v, err := open(bytes.NewReader(b), int64(len(b)), o)
	if (v == nil) == (err == nil) {
		t.Fatalf("volume %v, error %v", v, err)
	}
	if err != nil {
		return
	}
	defer v.Close(ctx)
	nodes := v.(*tree).nodes
	if len(nodes) > o.MaxEntries+1 {
		t.Fatalf("%d files", len(nodes))
	}
	var total int64
	for _, n := range nodes {
		if total += n.size; n.mode.IsRegular() {
			content(v, n.attr()) // fails, or does not
		}
		for _, c := range n.children {
			checkChild(t, v, n, c)
		}
	}
	if total > o.MaxTotalSize+o.MaxIndexBytes {
		t.Fatalf("%d bytes", total)
	}
}

func checkChild(t *testing.T, v volume.Volume, dir *node, c child) {
	if badName(c.name) != "" || strings.Contains(c.name, "/") {
		t.Fatalf("bad name %q", c.name)
	}
	a, err := v.Lookup(ctx, dir.id, c.name)
	if err != nil || a.ID != c.id || a.Size < 0 {
		t.Fatalf("%q: %+v, %v", c.name, a, err)
	}
}

func FuzzOpenZip(f *testing.F) {
	f.Add(makeZip(f, func(w *zip.Writer) {
		addMember(w, unixHeader("a/b", 0o644), strings.Repeat("x", 5000))
		addMember(w, unixHeader("l", fs.ModeSymlink|0o777), "a")
		addMember(w, zip.FileHeader{Name: "s", Method: zip.Store}, "stored")
		addMember(w, zip.FileHeader{Name: "d/"}, "")
	}))
	for _, c := range hostileZips() {
		f.Add(makeZip(f, c.write))
	}
	f.Fuzz(func(t *testing.T, b []byte) { fuzzOpen(t, OpenZip, b) })
}

func FuzzOpenTar(f *testing.F) {
	b := makeTar(f, reg("a/b", 600), tar.Header{Typeflag: tar.TypeLink, Name: "h", Linkname: "a/b"},
		tar.Header{Typeflag: tar.TypeSymlink, Name: "l", Linkname: "a"}, reg(strings.Repeat("n", 200), 1))
	f.Add(b)
	f.Add(gzipped(b))
	for _, c := range hostileTars() {
		f.Add(makeTar(f, c.headers...))
	}
	f.Fuzz(func(t *testing.T, b []byte) { fuzzOpen(t, OpenTar, b) })
}
