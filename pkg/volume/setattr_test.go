package volume

import (
	"context"
	"io/fs"
	"math"
	"testing"
	"time"

	"golang.org/x/sys/unix"
	"gvisor.dev/gvisor/pkg/abi/linux"
)

func TestSetAttr(t *testing.T) {
	const all = unix.STATX_MODE | unix.STATX_UID | unix.STATX_GID | unix.STATX_SIZE | unix.STATX_ATIME | unix.STATX_MTIME
	at := linux.StatxTimestamp{Sec: 12, Nsec: 34}
	for _, test := range []struct {
		name  string
		file  string
		stat  linux.Statx
		errno unix.Errno
		calls int
	}{
		{"everything at once", "file", linux.Statx{Mask: all, Mode: 0o4751, UID: 5, GID: 6, Size: 3, Atime: at, Mtime: at}, 0, 1},
		{"nothing that changes", "file", linux.Statx{Mask: unix.STATX_UID | unix.STATX_ATIME, UID: math.MaxUint32, Atime: linux.StatxTimestamp{Nsec: linux.UTIME_OMIT}}, 0, 0},
		{"type bits", "file", linux.Statx{Mask: unix.STATX_MODE, Mode: unix.S_IFDIR | 0o700}, 0, 1},
		{"size of a directory", "dir", linux.Statx{Mask: unix.STATX_SIZE}, unix.EISDIR, 0},
		{"size of a symbolic link", "link", linux.Statx{Mask: unix.STATX_SIZE}, unix.EINVAL, 0},
		{"mode of a symbolic link", "link", linux.Statx{Mask: unix.STATX_MODE}, unix.EOPNOTSUPP, 0},
		{"negative size", "file", linux.Statx{Mask: unix.STATX_SIZE, Size: math.MaxInt64 + 1}, unix.EINVAL, 0},
		{"bad time", "file", linux.Statx{Mask: unix.STATX_MTIME, Mtime: linux.StatxTimestamp{Nsec: 1e9}}, unix.EINVAL, 0},
	} {
		t.Run(test.name, func(t *testing.T) {
			v := newFake()
			v.put("file", &fakeFile{content: []byte("content"), attr: Attr{Mode: 0o644}})
			v.put("dir", &fakeFile{attr: Attr{Mode: fs.ModeDir}})
			v.put("link", &fakeFile{attr: Attr{Mode: fs.ModeSymlink}, target: "x"})
			c := dial(t, v, MountOptions{})
			f, _ := c.walk(test.file)
			// What is told beside a success the sentry does not see.
			mask, failure, err := f.SetStat(background, &test.stat)
			c.wantErrno("change", err, test.errno)
			if mask != 0 || failure != nil {
				t.Errorf("beside it %#x failed, %v", mask, failure)
			}
			if n := v.called("setattr"); n != test.calls {
				t.Errorf("%d calls, want %d", n, test.calls)
			}
			if test.name == "type bits" && v.files["id-file"].attr.Mode != 0o700 {
				t.Errorf("mode is %v", v.files["id-file"].attr.Mode)
			}
		})
	}
}

func TestSetAttrResult(t *testing.T) {
	v := newFake()
	v.put("file", &fakeFile{content: []byte("content"), attr: Attr{Mode: 0o644}})
	c := dial(t, v, MountOptions{})
	f, _ := c.walk("file")
	before := time.Now()
	now := linux.StatxTimestamp{Nsec: linux.UTIME_NOW}
	stat := linux.Statx{
		Mask: unix.STATX_MODE | unix.STATX_UID | unix.STATX_GID | unix.STATX_SIZE | unix.STATX_ATIME | unix.STATX_MTIME,
		Mode: 0o4751, UID: 5, GID: 6, Size: 3, Atime: linux.StatxTimestamp{Sec: -12, Nsec: 34}, Mtime: now,
	}
	if mask, failure, err := f.SetStat(background, &stat); mask != 0 || failure != nil || err != nil {
		t.Fatalf("failed %#x, %v, %v", mask, failure, err)
	}
	a := v.files["id-file"].attr
	if a.Mode != fs.ModeSetuid|0o751 || a.UID != 5 || a.GID != 6 || a.Size != 3 || !a.AccessTime.Equal(time.Unix(-12, 34)) {
		t.Errorf("got %+v", a)
	}
	if a.ModTime.Before(before) || a.ModTime.After(time.Now()) {
		t.Errorf("now is %v", a.ModTime)
	}
	v.setHook(func(_ context.Context, call string, _ ID) error {
		if call == "setattr" {
			return unix.ENOTSUP
		}
		return nil
	})
	_, _, err := f.SetStat(background, &stat)
	c.wantErrno("change that the volume cannot make", err, unix.ENOTSUP)
}
