package archive

import (
	"archive/zip"
	"bytes"
	"encoding/binary"
	"errors"
	"io/fs"
	"math/rand/v2"
	"os"
	"strings"
	"sync"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/directfs/runsc/pkg/volume"
)

func TestZip(t *testing.T) {
	long := strings.Repeat("0123456789", 500)
	b := makeZip(t, func(w *zip.Writer) {
		addMember(w, unixHeader("made/by/its/files", 0o640), long)
		addMember(w, zip.FileHeader{Name: "stored", Method: zip.Store}, long)
		addMember(w, unixHeader("dir/", fs.ModeDir|0o700), "")
		addMember(w, unixHeader("link", fs.ModeSymlink|0o777), "../../out of the tree")
		addMember(w, unixHeader("dir/setuid", fs.ModeSetuid|0o755), "")
		addMember(w, unixHeader("./dot", 0o600), "")
		addMember(w, zip.FileHeader{Name: "dir/", CreatorVersion: 3 << 8, ExternalAttrs: 0o40711 << 16}, "")
	})
	holds(t, mustOpen(t, OpenZip, b, Options{Owner: &Owner{1, 2}}), map[string]string{
		"/made": "drwxr-xr-x 1:2", "/made/by": "drwxr-xr-x 1:2", "/made/by/its": "drwxr-xr-x 1:2",
		"/made/by/its/files": "-rw-r----- 1:2 " + long,
		"/stored":            "-rw-r--r-- 1:2 " + long,
		"/dir":               "drwx--x--x 1:2", "/dir/setuid": "-rwxr-xr-x 1:2", "/dot": "-rw------- 1:2",
		"/link": "Lrwxrwxrwx 1:2 ../../out of the tree",
	})
}

func TestZipThatIsRefused(t *testing.T) {
	x := func(names ...string) func(w *zip.Writer) {
		return func(w *zip.Writer) {
			for _, name := range names {
				addMember(w, zip.FileHeader{Name: name, Method: zip.Deflate}, "")
			}
		}
	}
	of := func(h zip.FileHeader, content string) func(w *zip.Writer) {
		return func(w *zip.Writer) { addMember(w, h, content) }
	}
	raw := func(h zip.FileHeader, content string) func(w *zip.Writer) {
		return func(w *zip.Writer) {
			f, err := w.CreateRaw(&h)
			if err != nil {
				t.Fatal(err)
			}
			f.Write([]byte(content))
		}
	}
	zeros := strings.Repeat("\x00", 2<<20)
	deep := strings.Repeat("d/", 129)
	for name, c := range map[string]struct {
		write func(w *zip.Writer)
		o     Options
		rule  error
		entry string
	}{
		"a name that leads out":             {x("a/../../b"), Options{}, ErrName, "a/../../b"},
		"a name that is absolute":           {x("/etc/passwd"), Options{}, ErrName, "/etc/passwd"},
		"a name with an empty part":         {x("a//b"), Options{}, ErrName, "a//b"},
		"a name with a dot within":          {x("a/./b"), Options{}, ErrName, "a/./b"},
		"a name with a backslash":           {x(`..\a`), Options{}, ErrName, `..\a`},
		"a name with a zero byte":           {x("a\x00b"), Options{}, ErrName, "a\x00b"},
		"an empty name":                     {x(""), Options{}, ErrName, ""},
		"a root that is no directory":       {of(unixHeader(".", 0o644), ""), Options{}, ErrName, "."},
		"a name of 256 bytes":               {x(strings.Repeat("n", 256)), Options{}, ErrName, strings.Repeat("n", 256)},
		"a name of 60000 bytes":             {x(strings.Repeat("n", 60000)), Options{}, ErrName, strings.Repeat("n", 60000)},
		"a file twice":                      {x("a", "a"), Options{}, ErrDuplicate, "a"},
		"a file twice, once with a dot":     {x("a", "./a"), Options{}, ErrDuplicate, "./a"},
		"a file, then in it another":        {x("a", "a/b"), Options{}, ErrDuplicate, "a/b"},
		"a file of the name of a parent":    {x("a/b", "a"), Options{}, ErrDuplicate, "a"},
		"a directory of the name of a file": {x("a", "a/"), Options{}, ErrDuplicate, "a/"},
		"a file through a link": {func(w *zip.Writer) {
			addMember(w, unixHeader("a", fs.ModeSymlink|0o777), "/etc")
			addMember(w, unixHeader("a/passwd", 0o644), "")
		}, Options{}, ErrDuplicate, "a/passwd"},
		"a device":                            {of(unixHeader("a", fs.ModeDevice|0o600), ""), Options{}, ErrType, "a"},
		"a pipe":                              {of(unixHeader("a", fs.ModeNamedPipe|0o600), ""), Options{}, ErrType, "a"},
		"a link of no target":                 {of(unixHeader("a", fs.ModeSymlink|0o777), ""), Options{}, ErrLink, "a"},
		"a link of a target with a zero byte": {of(unixHeader("a", fs.ModeSymlink|0o777), "a\x00b"), Options{}, ErrLink, "a"},
		"a link of a target of 4096 bytes":    {of(unixHeader("a", fs.ModeSymlink|0o777), zeros[:4096]), Options{}, ErrLink, "a"},
		"an encrypted file":                   {raw(zip.FileHeader{Name: "a", Flags: 1}, ""), Options{}, ErrUnsupported, "a"},
		"a compression that is not known":     {raw(zip.FileHeader{Name: "a", Method: 12}, ""), Options{}, ErrUnsupported, "a"},
		"a stored file of two sizes": {raw(zip.FileHeader{Name: "a", CompressedSize64: 1, UncompressedSize64: 2}, "x"),
			Options{}, ErrCorrupt, "a"},
		"a size of more than an int64": {raw(zip.FileHeader{Name: "a", Method: zip.Deflate, CompressedSize64: 1, UncompressedSize64: 1 << 63}, "x"),
			Options{}, ErrLimit, "a"},
		"a file that goes on after the archive": {raw(zip.FileHeader{Name: "a", CompressedSize64: 1 << 40, UncompressedSize64: 1 << 40}, "x"),
			Options{}, ErrCorrupt, "a"},
		"a directory with content":     {raw(zip.FileHeader{Name: "a/", UncompressedSize64: 1, CompressedSize64: 1}, "x"), Options{}, ErrCorrupt, "a/"},
		"a ratio that is too large":    {of(unixHeader("a", 0o644), zeros), Options{}, ErrLimit, "a"},
		"a file that is too large":     {of(unixHeader("a", 0o644), zeros[:100]), Options{MaxFileSize: 99}, ErrLimit, "a"},
		"a file larger than the cache": {of(unixHeader("a", 0o644), zeros[:100]), Options{CacheSize: 99}, ErrLimit, "a"},
		"files that are too large together": {func(w *zip.Writer) {
			addMember(w, unixHeader("a", 0o644), zeros[:60])
			addMember(w, unixHeader("b", 0o644), zeros[:60])
		}, Options{MaxTotalSize: 100}, ErrLimit, "b"},
		"too many entries":            {x("a", "b", "c"), Options{MaxEntries: 2}, ErrLimit, "c"},
		"too many made directories":   {x("a/b/c"), Options{MaxEntries: 2}, ErrLimit, "a/b/c"},
		"a directory again and again": {x("a/", "a/", "a/"), Options{MaxEntries: 2}, ErrLimit, "a/"},
		"a path that is too deep":     {x(deep), Options{}, ErrLimit, deep},
		"an index that is too large":  {x(strings.Repeat("n", 200), "b"), Options{MaxIndexBytes: 400}, ErrLimit, ""},
	} {
		t.Run(name, func(t *testing.T) { refused(t, OpenZip, makeZip(t, c.write), c.o, c.rule, c.entry) })
	}
	t.Run("no zip", func(t *testing.T) { refused(t, OpenZip, []byte("no zip"), Options{}, ErrCorrupt, "") })
}

// patch changes the index of a zip with one entry.
func patch(b []byte, off int, value uint32) []byte {
	b = bytes.Clone(b)
	index := bytes.LastIndex(b, []byte("PK\x01\x02"))
	binary.LittleEndian.PutUint32(b[index+off:], value)
	return b
}

const (
	indexSum  = 16
	indexSize = 24
)

func TestZipThatSharesContentIsRefused(t *testing.T) {
	b := makeZip(t, func(w *zip.Writer) {
		addMember(w, zip.FileHeader{Name: "a", Method: zip.Store}, "content")
		addMember(w, zip.FileHeader{Name: "b", Method: zip.Store}, "content")
	})
	const indexOffset = 42
	refused(t, OpenZip, patch(b, indexOffset, 0), Options{}, ErrCorrupt, "b")
}

func TestZipMemberThatIsNotWhatItSaysFailsToOpen(t *testing.T) {
	b := makeZip(t, func(w *zip.Writer) { addMember(w, unixHeader("a", 0o644), strings.Repeat("x", 1000)) })
	for name, bad := range map[string][]byte{
		"another checksum": patch(b, indexSum, 1), "no checksum": patch(b, indexSum, 0),
		"larger": patch(b, indexSize, 999), "smaller": patch(b, indexSize, 1001),
		"much larger": patch(b, indexSize, 1),
	} {
		t.Run(name, func(t *testing.T) {
			v := mustOpen(t, OpenZip, bad, Options{})
			_, err := walk(v)
			var entry *EntryError
			if !errors.Is(err, ErrCorrupt) || !errors.As(err, &entry) || entry.Name != "a" {
				t.Errorf("error %v", err)
			}
			if used := v.(*tree).cache.used; used != 0 {
				t.Errorf("%d bytes are used by what could not be unpacked", used)
			}
		})
	}
}

// fourFiles is a zip of files a, b, c and d of a page each.
func fourFiles(t *testing.T) []byte {
	return makeZip(t, func(w *zip.Writer) {
		for _, name := range []string{"a", "b", "c", "d"} {
			addMember(w, unixHeader(name, 0o644), strings.Repeat(name, page))
		}
	})
}

func open(t *testing.T, v volume.Volume, name string) (volume.Handle, error) {
	t.Helper()
	a, err := v.Lookup(ctx, "0", name)
	if err != nil {
		t.Fatal(err)
	}
	return v.Open(ctx, a.ID, read)
}

func TestUnpackedFilesAreBounded(t *testing.T) {
	v := mustOpen(t, OpenZip, fourFiles(t), Options{CacheSize: 2 * page})
	a, err := open(t, v, "a")
	if err != nil {
		t.Fatal(err)
	}
	b, err := open(t, v, "b")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := open(t, v, "c"); !errors.Is(err, syscall.ENOMEM) {
		t.Fatalf("error %v, want ENOMEM", err)
	}
	a.Close(ctx)
	b.Close(ctx)
	holds(t, v, map[string]string{
		"/a": "-rw-r--r-- 0:0 " + strings.Repeat("a", page), "/b": "-rw-r--r-- 0:0 " + strings.Repeat("b", page),
		"/c": "-rw-r--r-- 0:0 " + strings.Repeat("c", page), "/d": "-rw-r--r-- 0:0 " + strings.Repeat("d", page),
	})
	if used := v.(*tree).cache.used; used > 2*page {
		t.Errorf("%d bytes are used", used)
	}
}

func TestDonatedFilesAreBoundedAndReadOnly(t *testing.T) {
	for name, o := range map[string]Options{
		"on disk": {CacheDir: t.TempDir()}, "in memory": {},
	} {
		t.Run(name, func(t *testing.T) {
			o.CacheSize = 4 * page
			v := mustOpen(t, OpenZip, fourFiles(t), o)
			if o.CacheDir == "" && !v.(*tree).cache.store.donates() && os.Getuid() == 0 {
				t.Fatal("root may mount a tmpfs")
			} else if !v.(*tree).cache.store.donates() {
				t.Skip("only root may mount a tmpfs")
			}
			donated := 0
			for range 2 {
				for _, name := range []string{"a", "b", "c", "d"} {
					donated += donates(t, v, name)
				}
			}
			if donated != 4 {
				t.Errorf("%d times a file was donated, want two files twice", donated)
			}
			if left, _ := os.ReadDir(o.CacheDir); o.CacheDir != "" && len(left) != 0 {
				t.Errorf("left in the directory: %v", left)
			}
		})
	}
}

func donates(t *testing.T, v volume.Volume, name string) int {
	t.Helper()
	h, err := open(t, v, name)
	if err != nil {
		t.Fatal(err)
	}
	defer h.Close(ctx)
	f := h.(volume.FileDonor).HostFile()
	if f == nil {
		return 0
	}
	flags, err := unix.FcntlInt(f.Fd(), unix.F_GETFL, 0)
	if err != nil || flags&unix.O_ACCMODE != unix.O_RDONLY {
		t.Errorf("flags %#x, %v", flags, err)
	}
	b := make([]byte, page)
	if _, err := f.ReadAt(b, 0); err != nil || string(b) != strings.Repeat(name, page) {
		t.Errorf("the donated file has %q, %v", b[:10], err)
	}
	return 1
}

func TestMemoryThatCannotBeReopenedIsNotDonated(t *testing.T) {
	s := &store{dir: -1}
	v := mustOpen(t, OpenZip, fourFiles(t), Options{})
	v.(*tree).cache.store.close()
	v.(*tree).cache.store = s
	if donates(t, v, "a") != 0 {
		t.Error("a file that is open for writing was donated")
	}
	if _, err := walk(v); err != nil {
		t.Error(err)
	}
}

func TestMembersAreUnpackedOnceForManyReaders(t *testing.T) {
	v := mustOpen(t, OpenZip, fourFiles(t), Options{CacheSize: 8 * page})
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 50 {
				name := string(rune('a' + rand.IntN(4)))
				h, err := open(t, v, name)
				if err != nil {
					t.Error(err)
					return
				}
				b := make([]byte, page)
				if _, err := h.ReadAt(ctx, b, 0); err != nil || b[page-1] != name[0] {
					t.Errorf("%q, %v", b[:10], err)
				}
				h.Close(ctx)
			}
		})
	}
	wg.Wait()
	if used := v.(*tree).cache.used; used != 4*page {
		t.Errorf("%d bytes are used, want %d", used, 4*page)
	}
}

func TestCacheDirThatIsMissingIsAnError(t *testing.T) {
	b := fourFiles(t)
	if _, err := OpenZip(bytes.NewReader(b), int64(len(b)), Options{CacheDir: "/nonexistent"}); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("error %v", err)
	}
}
