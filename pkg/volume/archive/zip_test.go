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
			for e := v.(*tree).cache.idle.Front(); e != nil; e = e.Next() {
				if e.Value.(*unpacked).given {
					t.Error("a donated file may be dropped, and its room used again")
				}
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
