package volumes

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
	"unsafe"

	"golang.org/x/sys/unix"
)

// resident is how many pages of a file are in the page cache (mincore(2)).
func resident(t *testing.T, path string) (pages int) {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	fi, err := f.Stat()
	if err != nil {
		t.Fatal(err)
	}
	m, err := unix.Mmap(int(f.Fd()), 0, int(fi.Size()), unix.PROT_READ, unix.MAP_SHARED)
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := unix.Munmap(m); err != nil {
			t.Error(err)
		}
	}()
	present := make([]byte, (len(m)+os.Getpagesize()-1)/os.Getpagesize())
	if err := mincore(m, present); err != nil {
		t.Fatal(err)
	}
	for _, p := range present {
		pages += int(p & 1)
	}
	return pages
}

// Only what the workload reads is dropped: the rest of a bucket is large.
func TestDropPages(t *testing.T) {
	s, err := StartStore(t.Context(), Local, Programs{}, t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	var st unix.Statfs_t
	if err := unix.Statfs(s.dir, &st); err != nil {
		t.Fatal(err)
	}
	if st.Type == unix.TMPFS_MAGIC {
		t.Skip("a tmpfs has its files in the page cache alone; set TMPDIR to a directory on a disk")
	}
	v, err := NewVolume(Clients[0], Programs{}, s, "b", t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"tree/d/f", "other"} {
		path := filepath.Join(v.Source(), name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		f, err := os.Create(path)
		if err != nil {
			t.Fatal(err)
		}
		_, err = f.Write(make([]byte, 1<<20))
		if err := errors.Join(err, f.Sync(), f.Close()); err != nil {
			t.Fatal(err)
		}
	}
	if err := v.DropPages("tree"); err != nil {
		t.Fatal(err)
	}
	if n := resident(t, filepath.Join(v.Source(), "tree/d/f")); n != 0 {
		t.Errorf("%d pages of the file are left", n)
	}
	if resident(t, filepath.Join(v.Source(), "other")) == 0 {
		t.Error("the pages of another file are gone")
	}
}

func mincore(m, present []byte) error {
	_, _, errno := unix.Syscall(unix.SYS_MINCORE, uintptr(unsafe.Pointer(&m[0])), uintptr(len(m)), uintptr(unsafe.Pointer(&present[0])))
	if errno != 0 {
		return errno
	}
	return nil
}
