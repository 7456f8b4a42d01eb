package memory_test

import (
	"errors"
	"fmt"
	"io/fs"
	"math"
	"syscall"
	"testing"

	"github.com/directfs/runsc/pkg/volume"
	"github.com/directfs/runsc/pkg/volume/memory"
)

var (
	both    = volume.OpenHow{Read: true, Write: true}
	newFile = volume.NewFile{Perm: 0o644}
)

// tree is a volume with a file of 10 bytes, open to write.
type tree struct {
	*testing.T
	*memory.Volume
	root, file volume.ID
	handle     volume.WritableHandle
}

func newTree(t *testing.T, o memory.Options) *tree {
	t.Helper()
	v := memory.New(o)
	t.Cleanup(func() { v.Close(t.Context()) })
	root, err := v.Root(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	a, h, err := v.Create(t.Context(), root.ID, "file", newFile, both)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := h.WriteAt(t.Context(), []byte("0123456789"), 0); err != nil {
		t.Fatal(err)
	}
	return &tree{t, v, root.ID, a.ID, h}
}

func (t *tree) usage() volume.Usage {
	t.Helper()
	u, err := t.Usage(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return u
}

func (t *tree) create(name string) error {
	_, h, err := t.Create(t.Context(), t.root, name, newFile, both)
	if err == nil {
		h.Close(t.Context())
	}
	return err
}

// TestFull has what does not fit in a volume for 20 bytes and 3 files that has
// 10 bytes in 1 file, beside the root.
func TestFull(t *testing.T) {
	for name, c := range map[string]struct {
		call func(t *tree) error
		want error
	}{
		"write":                {func(t *tree) error { return t.write(11, 10) }, syscall.ENOSPC},
		"write that fits":      {func(t *tree) error { return t.write(10, 10) }, nil},
		"write after a hole":   {func(t *tree) error { return t.write(1, 20) }, syscall.ENOSPC},
		"write over the most":  {func(t *tree) error { return t.write(2, math.MaxInt64-1) }, syscall.EFBIG},
		"write before nothing": {func(t *tree) error { return t.write(1, -1) }, syscall.EINVAL},
		"size":                 {func(t *tree) error { return t.setSize(21) }, syscall.ENOSPC},
		"size of the most":     {func(t *tree) error { return t.setSize(math.MaxInt64) }, syscall.ENOSPC},
		"size that fits":       {func(t *tree) error { return t.setSize(20) }, nil},
		"negative size":        {func(t *tree) error { return t.setSize(-1) }, syscall.EINVAL},
		"allocate":             {func(t *tree) error { return t.allocate(15, 6, false) }, syscall.ENOSPC},
		"allocate beyond":      {func(t *tree) error { return t.allocate(15, 6, true) }, syscall.ENOSPC},
		"allocate that fits":   {func(t *tree) error { return t.allocate(15, 5, true) }, nil},
		"allocate nothing":     {func(t *tree) error { return t.allocate(5, 0, true) }, syscall.EINVAL},
		"xattr":                {func(t *tree) error { return t.xattr("12345678901") }, syscall.ENOSPC},
		"xattr that fits":      {func(t *tree) error { return t.xattr("123") }, nil},
		"symlink":              {func(t *tree) error { return t.symlink("12345678901") }, syscall.ENOSPC},
		"symlink that fits":    {func(t *tree) error { return t.symlink("1234567890") }, nil},
		"a third file":         {func(t *tree) error { return errors.Join(t.create("b"), t.create("c")) }, syscall.ENOSPC},
		"a third name":         {func(t *tree) error { return errors.Join(t.link("b"), t.link("c")) }, syscall.ENOSPC},
		"a second name":        {func(t *tree) error { return t.link("b") }, nil},
	} {
		t.Run(name, func(t *testing.T) {
			for _, donate := range []bool{false, true} {
				v := newTree(t, memory.Options{MaxBytes: 20, MaxFiles: 3, DonateFiles: donate})
				before := v.usage()
				if before != (volume.Usage{Bytes: 20, FreeBytes: 10, Files: 3, FreeFiles: 1}) {
					t.Fatalf("usage is %+v before", before)
				}
				if err := c.call(v); !errors.Is(err, c.want) {
					t.Errorf("error %v, want %v", err, c.want)
				}
				if after := v.usage(); c.want != nil && after.FreeBytes != before.FreeBytes {
					t.Errorf("usage is %+v after what failed, want %+v", after, before)
				}
				v.empties()
			}
		})
	}
}

// empties demands that all space comes back when everything is removed, and not
// before it is closed.
func (t *tree) empties() {
	t.Helper()
	entries, err := t.ReadDir(t.Context(), t.root, "", 100)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if err := t.Remove(t.Context(), t.root, e.Name, false); err != nil {
			t.Fatal(err)
		}
	}
	xattrs, err := t.ListXattr(t.Context(), t.file)
	if err != nil {
		t.Fatal(err)
	}
	if u := t.usage(); u.FreeFiles != u.Files-2-uint64(len(xattrs)) {
		t.Errorf("usage is %+v, want the root and the open file counted, and its %d attributes", u, len(xattrs))
	}
	if err := t.handle.Close(t.Context()); err != nil {
		t.Error(err)
	}
	if u := t.usage(); u.FreeBytes != u.Bytes || u.FreeFiles != u.Files-1 {
		t.Errorf("usage is %+v, want an empty volume", u)
	}
	if _, err := t.Stat(t.Context(), t.file); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("Stat of a file that is gone: %v, want %v", err, fs.ErrNotExist)
	}
}

func (t *tree) write(n int, off int64) error {
	_, err := t.handle.WriteAt(t.Context(), make([]byte, n), off)
	return err
}

func (t *tree) setSize(size int64) error {
	return t.SetAttr(t.Context(), t.file, volume.Change{Size: &size})
}

func (t *tree) allocate(off, length int64, keepSize bool) error {
	return t.handle.(volume.Allocator).Allocate(t.Context(), off, length, keepSize)
}

func (t *tree) xattr(value string) error {
	return t.SetXattr(t.Context(), t.file, "user.a", []byte(value), false, false)
}

func (t *tree) symlink(target string) error {
	_, err := t.Symlink(t.Context(), t.root, "link", target, newFile)
	return err
}

func (t *tree) link(name string) error {
	_, err := t.Link(t.Context(), t.file, t.root, name)
	return err
}

// TestLinkLimits has files that get no further name.
func TestLinkLimits(t *testing.T) {
	v := newTree(t, memory.Options{})
	for i := range 64_999 {
		if err := v.link(fmt.Sprintf("link-%05d", i)); err != nil {
			t.Fatal(err)
		}
	}
	if err := v.link("one more"); !errors.Is(err, syscall.EMLINK) {
		t.Errorf("one name more than 65000: %v, want %v", err, syscall.EMLINK)
	}
	removed := newTree(t, memory.Options{})
	if err := removed.Remove(t.Context(), removed.root, "file", false); err != nil {
		t.Fatal(err)
	}
	if err := removed.link("again"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("Link of a removed file that is open: %v, want %v", err, fs.ErrNotExist)
	}
}

// TestReserved fills a volume and then writes where space was reserved.
func TestReserved(t *testing.T) {
	v := newTree(t, memory.Options{MaxBytes: 20})
	if err := v.allocate(0, 15, true); err != nil {
		t.Fatal(err)
	}
	if err := v.symlink("12345"); err != nil {
		t.Fatal(err)
	}
	if err := v.write(5, 10); err != nil {
		t.Errorf("write in what was reserved: %v", err)
	}
	if err := v.write(1, 15); !errors.Is(err, syscall.ENOSPC) {
		t.Errorf("write after it: %v, want %v", err, syscall.ENOSPC)
	}
	if err := v.setSize(2); err != nil {
		t.Error(err)
	}
	if u := v.usage(); u.FreeBytes != 13 {
		t.Errorf("%d bytes are free after truncating, want 13", u.FreeBytes)
	}
}
