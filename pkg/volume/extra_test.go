package volume

import (
	"context"
	"errors"
	"maps"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
	"gvisor.dev/gvisor/pkg/lisafs"
)

func TestXattrs(t *testing.T) {
	v := newFake()
	v.put("file", &fakeFile{})
	c := dial(t, v, MountOptions{})
	f, _ := c.walk("file")
	largest, long := strings.Repeat("v", 65535), strings.Repeat("n", 256)
	for _, test := range []struct {
		name, attr, value string
		flags             uint32
		errno             unix.Errno
	}{
		{"new", "user.a", "value", 0, 0},
		{"create what exists", "user.a", "x", unix.XATTR_CREATE, unix.EEXIST},
		{"replace what does not", "user.b", "x", unix.XATTR_REPLACE, unix.ENODATA},
		{"both", "user.b", "x", unix.XATTR_CREATE | unix.XATTR_REPLACE, unix.EINVAL},
		{"unknown flag", "user.b", "x", 4, unix.EINVAL},
		{"empty name", "", "x", 0, unix.ERANGE},
		{"long name", long, "x", 0, unix.ERANGE},
		{"zero byte", "user.\x00", "x", 0, unix.EINVAL},
		{"largest", "user.big", largest, 0, 0},
		{"no namespace", "a", "x", 0, unix.EOPNOTSUPP},
		{"unknown namespace", "other.a", "x", 0, unix.EOPNOTSUPP},
		{"nothing in the namespace", "user.", "x", 0, unix.EINVAL},
		{"access control list", "system.posix_acl_access", "x", 0, unix.EOPNOTSUPP},
	} {
		c.wantErrno(test.name, f.SetXattr(background, test.attr, test.value, test.flags), test.errno)
	}
	for _, test := range []struct {
		name, attr string
		size       uint64
		want       string
		errno      unix.Errno
	}{
		{"only the size", "user.a", 0, "value", 0},
		{"fits", "user.a", 5, "value", 0},
		{"too small", "user.a", 4, "", unix.ERANGE},
		{"largest", "user.big", 65536, largest, 0},
		{"missing", "user.c", 10, "", unix.ENODATA},
		{"long name", long, 10, "", unix.ERANGE},
		{"access control list", "system.posix_acl_access", 10, "", unix.EOPNOTSUPP},
	} {
		got, err := f.GetXattr(background, test.attr, test.size)
		c.wantErrno(test.name, err, test.errno)
		if err == nil && got != test.want {
			t.Errorf("%s: got %d bytes, want %d", test.name, len(got), len(test.want))
		}
	}
	v.mu.Lock()
	v.files["id-file"].xattrs["user.huge"] = make([]byte, 65536)
	v.mu.Unlock()
	_, err := f.GetXattr(background, "user.huge", 0)
	c.wantErrno("huge", err, unix.E2BIG)
	testXattrList(t, c, v, f)
	c.wantErrno("remove", f.RemoveXattr(background, "user.a"), 0)
	c.wantErrno("remove again", f.RemoveXattr(background, "user.a"), unix.ENODATA)
	c.wantErrno("remove without a name", f.RemoveXattr(background, ""), unix.ERANGE)
}

func testXattrList(t *testing.T, c *client, v *fake, f lisafs.ClientFD) {
	want := []string{"user.a", "user.big", "user.huge"}
	for _, size := range []uint64{0, 26} {
		if got, err := f.ListXattr(background, size); err != nil || !slices.Equal(got, want) {
			t.Errorf("listed %q, %v, want %q", got, err, want)
		}
	}
	_, err := f.ListXattr(background, 25)
	c.wantErrno("list in too little", err, unix.ERANGE)
	v.mu.Lock()
	saved := maps.Clone(v.files["id-file"].xattrs)
	for i := range 300 {
		v.files["id-file"].xattrs[strings.Repeat("n", 240)+string(rune('a'+i))] = nil
	}
	v.mu.Unlock()
	_, err = f.ListXattr(background, 0)
	c.wantErrno("list too many", err, unix.E2BIG)
	v.mu.Lock()
	v.files["id-file"].xattrs = map[string][]byte{"": nil}
	v.mu.Unlock()
	_, err = f.ListXattr(background, 0)
	c.wantErrno("list no name", err, unix.EIO)
	v.mu.Lock()
	v.files["id-file"].xattrs = saved
	v.mu.Unlock()
}

func TestStatFS(t *testing.T) {
	plenty := lisafs.StatFS{BlockSize: 4096, Blocks: 1 << 38, BlocksFree: 1 << 38, BlocksAvailable: 1 << 38, Files: 1 << 32, FilesFree: 1 << 32, NameLength: 255}
	known := lisafs.StatFS{BlockSize: 4096, Blocks: 3, BlocksFree: 1, BlocksAvailable: 1, Files: 9, FilesFree: 4, NameLength: 255}
	full := known
	full.BlocksFree, full.BlocksAvailable, full.FilesFree = 0, 0, 0
	readOnly := plenty
	readOnly.BlocksFree, readOnly.BlocksAvailable, readOnly.FilesFree = 0, 0, 0
	for _, test := range []struct {
		name     string
		v        func(*fake) Volume
		usage    Usage
		readOnly bool
		want     lisafs.StatFS
		errno    unix.Errno
	}{
		{"known", func(v *fake) Volume { return v }, Usage{Bytes: 8193, FreeBytes: 8191, Files: 9, FreeFiles: 4}, false, known, 0},
		{"full", func(v *fake) Volume { return v }, Usage{Bytes: 8193, Files: 9}, false, full, 0},
		{"unknown", func(v *fake) Volume { return v }, Usage{}, false, plenty, 0},
		{"no reporter", func(v *fake) Volume { return onlyWritable{v} }, Usage{Bytes: 1}, false, plenty, 0},
		{"read-only", func(v *fake) Volume { return onlyVolume{v} }, Usage{}, true, readOnly, 0},
		{"more free than there is", func(v *fake) Volume { return v }, Usage{Bytes: 1, FreeBytes: 2}, false, lisafs.StatFS{}, unix.EIO},
	} {
		t.Run(test.name, func(t *testing.T) {
			v := newFake()
			v.usage = test.usage
			c := dial(t, test.v(v), MountOptions{ReadOnly: test.readOnly})
			var s lisafs.StatFS
			c.wantErrno("statfs", c.root.StatFSTo(background, &s), test.errno)
			if test.errno == 0 && s != test.want {
				t.Errorf("got %v, want %v", &s, &test.want)
			}
		})
	}
}

func TestAllocate(t *testing.T) {
	v := newFake()
	v.put("file", &fakeFile{})
	v.wrap = func(h Handle) Handle { return allocHandle{h.(*fakeHandle)} }
	c := dial(t, v, MountOptions{})
	o := c.open("file", unix.O_RDWR)
	for _, test := range []struct {
		name           string
		mode, off, len uint64
		errno          unix.Errno
		size           uint64
	}{
		{"keep size", unix.FALLOC_FL_KEEP_SIZE, 0, 10, 0, 0},
		{"extend", 0, 5, 10, 0, 15},
		{"punch a hole", unix.FALLOC_FL_PUNCH_HOLE | unix.FALLOC_FL_KEEP_SIZE, 0, 10, unix.EOPNOTSUPP, 15},
		{"nothing", 0, 0, 0, unix.EINVAL, 15},
		{"negative", 0, 1 << 63, 1, unix.EINVAL, 15},
		{"overflow", 0, 1<<63 - 1, 1, unix.EFBIG, 15},
	} {
		c.wantErrno(test.name, o.Allocate(background, test.mode, test.off, test.len), test.errno)
		var s lisafs.Statx
		if err := o.StatTo(background, &s); err != nil || s.Size != test.size {
			t.Errorf("%s: size %d, want %d, %v", test.name, s.Size, test.size, err)
		}
	}
}

// TestSyncErrorIsToldByClose: the sentry drops the error of fsync(2).
func TestSyncErrorIsToldByClose(t *testing.T) {
	v := newFake()
	v.put("file", &fakeFile{})
	c := dial(t, v, MountOptions{})
	o := c.open("file", unix.O_RDWR)
	fail := func(call string, err error) {
		v.setHook(func(_ context.Context, did string, _ ID) error {
			if did == call {
				return err
			}
			return nil
		})
	}
	fail("sync", errors.New("the store is down"))
	c.wantErrno("sync", o.Sync(background), unix.EIO)
	c.wantErrno("flush", o.Flush(background), unix.EIO)
	c.wantErrno("flush again", o.Flush(background), 0)
	c.wantErrno("sync", o.Sync(background), unix.EIO)
	fail("", nil)
	c.wantErrno("sync that succeeds", o.Sync(background), 0)
	c.wantErrno("flush", o.Flush(background), 0)
	fail("flush", unix.ENOSPC)
	c.wantErrno("flush", o.Flush(background), unix.ENOSPC)
	r := c.open("file", unix.O_RDONLY)
	c.wantErrno("flush of a reader", r.Flush(background), 0)
	c.wantErrno("sync of a reader", r.Sync(background), 0)
}

func TestHardLinks(t *testing.T) {
	v := newFake()
	v.put("file", &fakeFile{})
	c := dial(t, v, MountOptions{})
	f, before := c.walk("file")
	i, err := c.root.LinkAt(background, f.ID(), "link")
	if err != nil || i.Stat.Ino != before.Ino || i.Stat.Nlink != 2 {
		t.Fatalf("got %v, %v", &i, err)
	}
	_, err = c.root.LinkAt(background, c.root.ID(), "dir")
	c.wantErrno("link of a directory", err, unix.EPERM)
}
