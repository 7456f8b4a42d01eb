package volume

import (
	"context"
	"io"
	"io/fs"
	"math"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
	"gvisor.dev/gvisor/pkg/lisafs"
)

func TestAttributes(t *testing.T) {
	long := time.Date(3000, 1, 1, 0, 0, 0, 0, time.UTC)
	ts := func(t time.Time) lisafs.StatxTimestamp {
		return lisafs.StatxTimestamp{Sec: t.Unix(), Nsec: uint32(t.Nanosecond())}
	}
	for _, test := range []struct {
		name string
		attr Attr
		mode uint16
		link uint32
		mod  lisafs.StatxTimestamp
	}{
		{"file", Attr{Mode: 0o640, ModTime: fakeTime}, unix.S_IFREG | 0o640, 1, ts(fakeTime)},
		{"directory", Attr{Mode: fs.ModeDir | fs.ModeSticky | 0o755, ModTime: fakeTime}, unix.S_IFDIR | 0o1755, 2, ts(fakeTime)},
		{"links", Attr{Mode: fs.ModeSetuid | 0o755, Links: 7, ModTime: fakeTime}, unix.S_IFREG | 0o4755, 7, ts(fakeTime)},
		{"symbolic link", Attr{Mode: fs.ModeSymlink | 0o777, ModTime: fakeTime}, unix.S_IFLNK | 0o777, 1, ts(fakeTime)},
		{"pipe", Attr{Mode: fs.ModeNamedPipe | fs.ModeSetgid, ModTime: fakeTime}, unix.S_IFIFO | 0o2000, 1, ts(fakeTime)},
		{"socket", Attr{Mode: fs.ModeSocket, ModTime: fakeTime}, unix.S_IFSOCK, 1, ts(fakeTime)},
		{"far future", Attr{ModTime: long}, unix.S_IFREG, 1, ts(time.Unix(0, math.MaxInt64))},
		{"far past", Attr{ModTime: time.Time{}.Add(1)}, unix.S_IFREG, 1, ts(time.Unix(0, math.MinInt64))},
		{"no time", Attr{}, unix.S_IFREG, 1, lisafs.StatxTimestamp{}},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := test.attr.statx(5)
			if s.Mode != test.mode || s.Nlink != test.link || s.Mtime != test.mod || s.Ino != 5 {
				t.Errorf("got %v", &s)
			}
			if s.Atime != s.Mtime || s.Ctime != s.Mtime {
				t.Errorf("times differ: %v", &s)
			}
			if back := fromMode(s.Mode); back != test.attr.Mode&^fs.ModeType {
				t.Errorf("permissions %v came back as %v", test.attr.Mode, back)
			}
		})
	}
	a := Attr{Size: 1025, AccessTime: fakeTime, ChangeTime: fakeTime.Add(1)}.statx(1)
	if a.Blocks != 3 || a.Size != 1025 || a.Blksize != blockSize || a.Mask != unix.STATX_BASIC_STATS ||
		a.Atime != ts(fakeTime) || a.Ctime != ts(fakeTime.Add(1)) {
		t.Errorf("got %v", &a)
	}
}

// TestBadAttributes: what cannot be true is an error for whoever asks, with the
// reason in the log, wherever it comes from.
func TestBadAttributes(t *testing.T) {
	for _, test := range []struct {
		name   string
		mangle func(*Attr)
		errno  unix.Errno
		log    string
	}{
		{"empty ID", func(a *Attr) { a.ID = "" }, unix.EIO, "empty ID"},
		{"negative size", func(a *Attr) { a.Size = -1 }, unix.EIO, "has the size -1"},
		{"device", func(a *Attr) { a.Mode = fs.ModeDevice | fs.ModeCharDevice }, unix.EIO, "has the type Dc"},
		{"irregular", func(a *Attr) { a.Mode = fs.ModeIrregular }, unix.EIO, "has the type ?"},
		{"changed type", func(a *Attr) { a.Mode = fs.ModeDir }, unix.ESTALE, "changed its type"},
	} {
		t.Run(test.name, func(t *testing.T) {
			v := newFake()
			v.put("file", &fakeFile{})
			c := dial(t, v, MountOptions{})
			f, _ := c.walk("file")
			o := c.openFD(f, unix.O_RDONLY)
			v.mu.Lock()
			v.mangle = func(call string, a Attr) Attr {
				if a.ID != "root" {
					test.mangle(&a)
				}
				return a
			}
			v.mu.Unlock()
			var s lisafs.Statx
			c.wantErrno("stat", f.StatTo(background, &s), test.errno)
			c.wantErrno("stat of the open file", o.StatTo(background, &s), test.errno)
			_, err := c.root.Walk(background, "file")
			c.wantErrno("walk", err, test.errno)
			_, err = c.root.WalkStat(background, []string{"", "file"})
			c.wantErrno("walk and stat", err, test.errno)
			c.wantLog(test.log)
			if test.errno == unix.EIO {
				_, _, _, err = c.root.OpenCreateAt(background, "new", unix.O_RDWR, 0o644, 1, 2)
				c.wantErrno("create", err, test.errno)
			}
		})
	}
}

// TestWrongAnswers are attributes of another file, or of another type than what
// was made.
func TestWrongAnswers(t *testing.T) {
	v := newFake()
	v.put("file", &fakeFile{})
	v.put("other", &fakeFile{})
	c := dial(t, v, MountOptions{})
	f, _ := c.walk("file")
	v.mu.Lock()
	v.mangle = func(call string, a Attr) Attr {
		switch call {
		case "stat", "link":
			a.ID = "id-other"
		case "create":
			a.Mode |= fs.ModeNamedPipe
		case "mkdir":
			a.Mode &^= fs.ModeDir
		}
		return a
	}
	v.mu.Unlock()
	var s lisafs.Statx
	c.wantErrno("stat", f.StatTo(background, &s), unix.EIO)
	_, err := c.root.LinkAt(background, f.ID(), "link")
	c.wantErrno("link", err, unix.EIO)
	_, _, _, err = c.root.OpenCreateAt(background, "new", unix.O_RDWR, 0o644, 1, 2)
	c.wantErrno("create", err, unix.EIO)
	_, err = c.root.MkdirAt(background, "dir", 0o755, 1, 2)
	c.wantErrno("mkdir", err, unix.EIO)
	c.wantLog("those of \\\"id-other\\\" returned")
	if err := c.hangUp(); err != nil {
		t.Error(err)
	}
	if n := v.openHandles(); n != 0 {
		t.Errorf("%d handles are open", n)
	}
}

func TestReadAndWrite(t *testing.T) {
	v := newFake()
	c := dial(t, v, MountOptions{})
	i, id, host, err := c.root.OpenCreateAt(background, "file", unix.O_RDWR, 0o600, 1, 2)
	if err != nil || host != -1 {
		t.Fatalf("create: host FD %d, %v", host, err)
	}
	if s := i.Stat; s.Mode != unix.S_IFREG|0o600 || s.UID != 1 || s.GID != 2 || s.Size != 0 {
		t.Errorf("new file: %v", &s)
	}
	f, o := c.NewFD(i.ControlFD), c.NewFD(id)
	size := func(want uint64) {
		t.Helper()
		for _, fd := range []lisafs.ClientFD{f, o} {
			var s lisafs.Statx
			if err := fd.StatTo(background, &s); err != nil || s.Size != want {
				t.Errorf("size %d, want %d, %v", s.Size, want, err)
			}
		}
	}
	big := strings.Repeat("0123456789", 500_000) // more than a message
	for n := 0; n < len(big); {
		m, err := o.Write(background, []byte(big[n:]), uint64(n))
		if err != nil {
			t.Fatal(err)
		}
		n += int(m)
		size(uint64(n)) // so that O_APPEND has it at once
	}
	p := make([]byte, len(big)+10)
	n, err := o.Read(background, p, 0)
	if err != nil || string(p[:n]) != big {
		t.Errorf("read %d bytes, %v", n, err)
	}
	if n, err := o.Read(background, p, uint64(len(big))); n != 0 || err != io.EOF {
		t.Errorf("at the end: %d, %v", n, err)
	}
	_, err = o.Read(background, p, math.MaxInt64)
	c.wantErrno("read beyond everything", err, unix.EINVAL)
	_, err = o.Write(background, p[:1], math.MaxInt64)
	c.wantErrno("write beyond everything", err, unix.EFBIG)
	c.openFD(f, unix.O_RDONLY|unix.O_TRUNC)
	size(0)
}

// TestBadTransfers are reads and writes that return what they must not.
func TestBadTransfers(t *testing.T) {
	for _, test := range []struct {
		name  string
		n     int
		err   error
		read  unix.Errno
		write unix.Errno
	}{
		{"negative", -1, nil, unix.EIO, unix.EIO},
		{"too many", 11, nil, unix.EIO, unix.EIO},
		{"short without an error", 3, nil, unix.EIO, unix.EIO},
		{"none without an error", 0, nil, unix.EIO, unix.EIO},
		{"some and an error", 3, unix.ENOSPC, unix.ENOSPC, 0},
		{"none and an error", 0, unix.ENOSPC, unix.ENOSPC, unix.ENOSPC},
		{"all and the end", 10, io.EOF, 0, 0},
	} {
		t.Run(test.name, func(t *testing.T) {
			v := newFake()
			v.put("file", &fakeFile{content: make([]byte, 10)})
			v.wrap = func(h Handle) Handle { return badTransfer{h.(*fakeHandle), test.n, test.err} }
			c := dial(t, v, MountOptions{})
			o := c.open("file", unix.O_RDWR)
			n, err := o.Read(background, make([]byte, 10), 0)
			c.wantErrno("read", err, test.read)
			if test.read == 0 && n != uint64(test.n) {
				t.Errorf("read %d, want %d", n, test.n)
			}
			n, err = o.Write(background, make([]byte, 10), 0)
			c.wantErrno("write", err, test.write)
			if test.write == 0 && n != uint64(test.n) {
				t.Errorf("wrote %d, want %d", n, test.n)
			}
		})
	}
}

type badTransfer struct {
	*fakeHandle
	n   int
	err error
}

func (h badTransfer) ReadAt(context.Context, []byte, int64) (int, error)  { return h.n, h.err }
func (h badTransfer) WriteAt(context.Context, []byte, int64) (int, error) { return h.n, h.err }
