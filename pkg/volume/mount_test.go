package volume

import (
	"bytes"
	"context"
	"errors"
	"io/fs"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
	"gvisor.dev/gvisor/pkg/lisafs"
)

func TestNewMountRefuses(t *testing.T) {
	root := func(a Attr) *fake {
		v := newFake()
		v.mangle = func(string, Attr) Attr { return a }
		return v
	}
	for _, test := range []struct {
		name string
		v    Volume
		o    MountOptions
		want string
	}{
		{"root is a file", root(Attr{ID: "x", Mode: 0o644}), MountOptions{}, "no directory"},
		{"root has no ID", root(Attr{Mode: fs.ModeDir}), MountOptions{}, "empty ID"},
		{"root has a negative size", root(Attr{ID: "x", Mode: fs.ModeDir, Size: -1}), MountOptions{}, "size -1"},
		{"read-only volume, writable mount", onlyVolume{newFake()}, MountOptions{}, "mount it read-only"},
		{"negative limit", newFake(), MountOptions{Limits: Limits{Calls: -1}}, "negative"},
	} {
		t.Run(test.name, func(t *testing.T) {
			test.o.Name = "/data"
			_, err := NewMount(context.Background(), test.v, test.o)
			if err == nil || !strings.Contains(err.Error(), test.want) || !strings.Contains(err.Error(), `"/data"`) {
				t.Errorf("got %v, want an error with %q", err, test.want)
			}
		})
	}
}

func TestNewMountStopsWithItsContext(t *testing.T) {
	v := newFake()
	v.hook = func(ctx context.Context, _ string, _ ID) error {
		<-ctx.Done()
		return context.Cause(ctx)
	}
	ctx, cancel := context.WithCancelCause(context.Background())
	reason := errors.New("the container was deleted")
	cancel(reason)
	if _, err := NewMount(ctx, v, MountOptions{}); !errors.Is(err, reason) {
		t.Errorf("got %v, want %v", err, reason)
	}
}

func TestServeOnce(t *testing.T) {
	c := dial(t, newFake(), MountOptions{})
	server, fd := sockets(t)
	defer unix.Close(fd)
	if err := c.mount.Serve(server); !errors.Is(err, ErrServed) {
		t.Errorf("got %v, want %v", err, ErrServed)
	}
	if _, err := server.Stat(); err == nil {
		t.Error("the socket was not closed")
	}
}

// TestMessages holds the table in full.
func TestMessages(t *testing.T) {
	always := []lisafs.MID{
		lisafs.Mount, lisafs.Channel, lisafs.FStat, lisafs.Walk, lisafs.WalkStat, lisafs.OpenAt, lisafs.Close,
		lisafs.PRead, lisafs.Getdents64, lisafs.FStatFS, lisafs.FSync, lisafs.SetStat, lisafs.OpenCreateAt,
		lisafs.PWrite, lisafs.MkdirAt, lisafs.MknodAt, lisafs.SymlinkAt, lisafs.LinkAt, lisafs.UnlinkAt,
		lisafs.RenameAt, lisafs.RenameAt2, lisafs.FAllocate, lisafs.BindAt,
	}
	all := append([]lisafs.MID{lisafs.ReadLinkAt, lisafs.FGetXattr, lisafs.FListXattr, lisafs.FSetXattr, lisafs.FRemoveXattr}, always...)
	for _, test := range []struct {
		name     string
		v        Volume
		readOnly bool
		want     []lisafs.MID
	}{
		{"read-only volume", onlyVolume{newFake()}, true, always},
		{"writable volume", onlyWritable{newFake()}, false, append([]lisafs.MID{lisafs.Flush}, always...)},
		{"everything", newFake(), false, append([]lisafs.MID{lisafs.Flush}, all...)},
		{"everything, read-only", newFake(), true, all},
	} {
		t.Run(test.name, func(t *testing.T) {
			c := dial(t, test.v, MountOptions{ReadOnly: test.readOnly})
			want := map[lisafs.MID]bool{}
			for _, m := range test.want {
				want[m] = true
			}
			for m := lisafs.Mount; m <= lisafs.RenameAt2; m++ {
				if c.IsSupported(m) != want[m] {
					t.Errorf("message %d: supported %t, want %t", m, c.IsSupported(m), want[m])
				}
			}
		})
	}
}

// TestRefusals holds what an application gets for what a mount cannot do.
func TestRefusals(t *testing.T) {
	for _, test := range []struct {
		name      string
		v         func(*fake) Volume
		readOnly  bool
		errno     unix.Errno // of everything that changes the tree
		links     unix.Errno
		attribute unix.Errno
		allocate  unix.Errno
	}{
		{"read-only mount", func(v *fake) Volume { return v }, true, unix.EROFS, unix.EROFS, unix.EROFS, unix.EROFS},
		{"read-only volume", func(v *fake) Volume { return onlyVolume{v} }, true, unix.EROFS, unix.EROFS, unix.EOPNOTSUPP, unix.EROFS},
		{"writable volume", func(v *fake) Volume { return onlyWritable{v} }, false, 0, unix.EPERM, unix.EOPNOTSUPP, unix.EOPNOTSUPP},
	} {
		t.Run(test.name, func(t *testing.T) {
			v := newFake()
			v.put("file", &fakeFile{content: []byte("x")})
			c := dial(t, test.v(v), MountOptions{ReadOnly: test.readOnly})
			f, _ := c.walk("file")
			_, err := c.root.MkdirAt(background, "dir", 0o755, 1, 2)
			c.wantErrno("mkdir", err, test.errno)
			_, _, _, err = c.root.OpenCreateAt(background, "new", unix.O_RDWR, 0o644, 1, 2)
			c.wantErrno("create", err, test.errno)
			_, err = c.root.MknodAt(background, "node", unix.S_IFREG|0o644, 1, 2, 0, 0)
			c.wantErrno("mknod", err, test.errno)
			_, err = c.root.SymlinkAt(background, "symlink", "target", 1, 2)
			c.wantErrno("symlink", err, test.links)
			_, err = c.root.LinkAt(background, f.ID(), "link")
			c.wantErrno("link", err, test.links)
			c.wantErrno("set attribute", f.SetXattr(background, "user.a", "v", 0), test.attribute)
			c.wantErrno("remove attribute", f.RemoveXattr(background, "user.b"), test.attribute)
			if test.errno != 0 {
				_, _, err := f.OpenAt(background, unix.O_RDWR)
				c.wantErrno("open for writing", err, test.errno)
				c.wantErrno("rename", c.root.RenameAt(background, "file", c.root.ID(), "b", 0), test.errno)
				c.wantErrno("remove", c.root.UnlinkAt(background, "file", 0), test.errno)
			}
			r := c.openFD(f, unix.O_RDONLY)
			if !test.readOnly {
				r = c.openFD(f, unix.O_RDWR)
			}
			c.wantErrno("allocate", r.Allocate(background, 0, 0, 1), test.allocate)
			c.wantErrno("flush", r.Flush(background), 0)
			c.wantErrno("sync", r.Sync(background), 0)
		})
	}
}

// TestSpecialFiles is about what the sentry makes itself, which it does on EPERM.
func TestSpecialFiles(t *testing.T) {
	v := newFake()
	c := dial(t, v, MountOptions{})
	for name, mode := range map[string]uint16{"pipe": unix.S_IFIFO, "socket": unix.S_IFSOCK, "character device": unix.S_IFCHR, "block device": unix.S_IFBLK} {
		_, err := c.root.MknodAt(background, "node", lisafsMode(mode|0o644), 1, 2, 0, 0)
		c.wantErrno(name, err, unix.EPERM)
	}
	_, _, err := c.root.BindAt(background, unix.SOCK_STREAM, "socket", 0o644, 1, 2)
	c.wantErrno("bind", err, unix.EPERM)
	i, err := c.root.MknodAt(background, "file", lisafsMode(unix.S_IFREG|0o640), 1, 2, 0, 0)
	c.wantErrno("regular file", err, 0)
	if i.Stat.Mode != unix.S_IFREG|0o640 || i.Stat.UID != 1 || i.Stat.GID != 2 {
		t.Errorf("made %v", &i.Stat)
	}
	if err := c.mount.calls.drain(); err != nil {
		t.Fatal(err)
	}
	if n := v.openHandles(); n != 0 {
		t.Errorf("%d handles are open", n)
	}
}

// TestSlowMountHoldsNoOther: a read of one mount hangs, another one's files are
// renamed and read.
func TestSlowMountHoldsNoOther(t *testing.T) {
	slow := newFake()
	slow.put("file", &fakeFile{content: []byte("x")})
	entered, leave := make(chan struct{}), make(chan struct{})
	slow.hook = func(_ context.Context, call string, _ ID) error {
		if call == "readat" {
			close(entered)
			<-leave
		}
		return nil
	}
	a := dial(t, slow, MountOptions{})
	f := a.open("file", unix.O_RDONLY)
	done := make(chan error)
	go func() {
		_, err := f.Read(background, make([]byte, 1), 0)
		done <- err
	}()
	<-entered
	other := newFake()
	other.put("file", &fakeFile{content: []byte("content")})
	b := dial(t, other, MountOptions{})
	b.wantErrno("rename", b.root.RenameAt(background, "file", b.root.ID(), "renamed", 0), 0)
	p := make([]byte, 7)
	r := b.open("renamed", unix.O_RDONLY)
	if n, err := r.Read(background, p, 0); n != 7 || err != nil || !bytes.Equal(p, []byte("content")) {
		t.Errorf("read %q, %v", p[:n], err)
	}
	close(leave)
	if err := <-done; err != nil {
		t.Error(err)
	}
}
