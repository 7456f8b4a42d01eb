package volume

import (
	"context"
	"fmt"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"
	"gvisor.dev/gvisor/pkg/lisafs"
)

// stuck makes one kind of call hang, without heed of its context, until released.
type stuck struct {
	entered chan struct{}
	leave   chan struct{}
	once    sync.Once
}

func (v *fake) stick(call string) *stuck {
	s := &stuck{entered: make(chan struct{}, 1000), leave: make(chan struct{})}
	v.setHook(func(_ context.Context, did string, _ ID) error {
		if did == call {
			s.entered <- struct{}{}
			<-s.leave
		}
		return nil
	})
	return s
}

func (s *stuck) release() { s.once.Do(func() { close(s.leave) }) }

const short = 20 * time.Millisecond

// TestHangingVolume: every call is ETIMEDOUT in time, then EBUSY at once, and
// works again when the volume does.
func TestHangingVolume(t *testing.T) {
	content := strings.Repeat("x", 100)
	for _, test := range []struct {
		call string
		do   func(c *client, f, o lisafs.ClientFD) error
	}{
		{"stat", func(c *client, f, _ lisafs.ClientFD) error { return f.StatTo(background, &lisafs.Statx{}) }},
		{"lookup", func(c *client, _, _ lisafs.ClientFD) error { _, err := c.root.Walk(background, "file"); return err }},
		{"open", func(c *client, f, _ lisafs.ClientFD) error {
			_, _, err := f.OpenAt(background, unix.O_RDONLY)
			return err
		}},
		{"readat", func(_ *client, _, o lisafs.ClientFD) error {
			_, err := o.Read(background, make([]byte, 100), 0)
			return err
		}},
		{"writeat", func(_ *client, _, o lisafs.ClientFD) error {
			_, err := o.Write(background, []byte(content), 0)
			return err
		}},
		{"flush", func(_ *client, _, o lisafs.ClientFD) error { return o.Flush(background) }},
		{"sync", func(_ *client, _, o lisafs.ClientFD) error { return o.Sync(background) }},
		{"setattr", func(_ *client, f, _ lisafs.ClientFD) error { return chmod(f, 0o600) }},
	} {
		t.Run(test.call, func(t *testing.T) {
			v := newFake()
			v.put("file", &fakeFile{content: []byte(content)})
			c := dial(t, v, MountOptions{Limits: Limits{CallTimeout: short, Calls: 2}})
			f, _ := c.walk("file")
			o := c.openFD(f, unix.O_RDWR)
			s := v.stick(test.call)
			defer s.release()
			for range 2 {
				c.wantErrno("hanging", test.do(c, f, o), unix.ETIMEDOUT)
				<-s.entered
			}
			c.wantErrno("too many", test.do(c, f, o), unix.EBUSY)
			c.wantLog("abandoned")
			c.wantLog("have not returned")
			v.setHook(nil)
			s.release()
			if err := c.mount.calls.drain(); err != nil {
				t.Fatal(err)
			}
			c.wantErrno("afterwards", test.do(c, f, o), 0)
			if err := c.hangUp(); err != nil {
				t.Error(err)
			}
			if n := v.openHandles(); n != 0 {
				t.Errorf("%d handles are open", n)
			}
			if m := c.mount; m.open.used.Load() != 0 || m.files.used.Load() != 0 || len(m.nodes.live) != 1 {
				t.Errorf("left: %d open, %d files, %d nodes", m.open.used.Load(), m.files.used.Load(), len(m.nodes.live))
			}
		})
	}
}

// TestPanics: a panic is EIO, with its stack in the log, and nothing more.
func TestPanics(t *testing.T) {
	v := newFake()
	v.put("file", &fakeFile{content: []byte("x")})
	c := dial(t, v, MountOptions{})
	o := c.open("file", unix.O_RDONLY)
	v.setHook(func(_ context.Context, call string, _ ID) error {
		if call == "readat" || call == "close" {
			panic("out of cheese")
		}
		return nil
	})
	_, err := o.Read(background, make([]byte, 1), 0)
	c.wantErrno("read", err, unix.EIO)
	c.wantLog("panic: out of cheese")
	c.wantLog("fake_test.go")
	c.open("file", unix.O_RDONLY)
}

// TestAbandonedBuffersAreNotReused: what a late ReadAt and WriteAt use is theirs.
func TestAbandonedBuffersAreNotReused(t *testing.T) {
	// A pool keeps what one processor put from the others.
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	v := newFake()
	v.put("file", &fakeFile{content: []byte("content")})
	held, leave := make(chan []byte, 1), make(chan struct{})
	v.wrap = func(h Handle) Handle { return &keeper{h.(*fakeHandle), held, leave} }
	c := dial(t, v, MountOptions{Limits: Limits{CallTimeout: short}})
	o := c.open("file", unix.O_RDWR)
	for call, do := range map[string]func() error{
		"read":  func() error { _, err := o.Read(background, make([]byte, 7), 0); return err },
		"write": func() error { _, err := o.Write(background, make([]byte, 7), 0); return err },
	} {
		c.wantErrno(call, do(), unix.ETIMEDOUT)
		late := <-held
		for range 100 {
			b := c.mount.buffers.get(len(late))
			if &b.p[0] == &late[0] {
				t.Fatalf("%s: the buffer is used again", call)
			}
		}
	}
	close(leave)
}

// keeper is a handle whose reads and writes do not return in time.
type keeper struct {
	*fakeHandle
	held  chan []byte
	leave chan struct{}
}

func (h *keeper) WriteAt(ctx context.Context, p []byte, off int64) (int, error) {
	return h.ReadAt(ctx, p, off)
}

func (h *keeper) ReadAt(_ context.Context, p []byte, _ int64) (int, error) {
	h.held <- p
	<-h.leave
	return len(p), nil
}

func TestFileLimits(t *testing.T) {
	v := newFake()
	for i := range 5 {
		v.put(fmt.Sprint(i), &fakeFile{})
	}
	c := dial(t, v, MountOptions{Limits: Limits{Files: 4, OpenFiles: 2}}) // the root is one
	f0, _ := c.walk("0")
	c.walk("1")
	_, _, err := c.root.WalkMultiple(background, []string{"2"})
	c.wantErrno("the last", err, 0)
	_, err = c.root.Walk(background, "3")
	c.wantErrno("one more file", err, unix.ENFILE)
	_, _, _, err = c.root.OpenCreateAt(background, "new", unix.O_RDWR, 0o644, 1, 2)
	c.wantErrno("one more new file", err, unix.ENFILE)
	_, err = c.root.MkdirAt(background, "dir", 0o755, 1, 2)
	c.wantErrno("one more directory", err, unix.ENFILE)
	if v.called("create")+v.called("mkdir") != 0 {
		t.Error("it was made although there is no room")
	}
	o := c.openFD(f0, unix.O_RDONLY)
	d := c.openFD(c.root, unix.O_RDONLY)
	_, _, err = f0.OpenAt(background, unix.O_RDONLY)
	c.wantErrno("one more open file", err, unix.ENFILE)
	_, _, err = c.root.OpenAt(background, unix.O_RDONLY)
	c.wantErrno("one more open directory", err, unix.ENFILE)
	c.wantLog("too many files")
	c.wantLog("too many open files")
	d.Close(background, true)
	c.openFD(f0, unix.O_RDWR)
	f0.Close(background, true) // is kept by its open files
	_, err = c.root.Walk(background, "3")
	c.wantErrno("still full", err, unix.ENFILE)
	_ = o
}

// TestRoomIsGivenBack: after failures of every kind nothing is counted.
func TestRoomIsGivenBack(t *testing.T) {
	v := newFake()
	v.put("file", &fakeFile{})
	c := dial(t, v, MountOptions{Limits: Limits{CallTimeout: short}})
	f, _ := c.walk("file")
	files, open := c.mount.files.used.Load(), c.mount.open.used.Load()
	failure := func(err error) {
		v.setHook(func(_ context.Context, call string, _ ID) error {
			if err == nil && call != "close" {
				panic("oops")
			}
			return err
		})
	}
	for _, err := range []error{unix.EACCES, nil} {
		failure(err)
		c.root.Walk(background, "file")
		f.OpenAt(background, unix.O_RDWR)
		c.root.OpenCreateAt(background, "new", unix.O_RDWR, 0o644, 1, 2)
		c.root.MkdirAt(background, "dir", 0o755, 1, 2)
		c.root.MknodAt(background, "node", unix.S_IFREG, 1, 2, 0, 0)
		c.root.SymlinkAt(background, "symlink", "x", 1, 2)
		c.root.LinkAt(background, f.ID(), "link")
		c.root.MkdirAt(background, "a\x00", 0o755, 1, 2)
		c.root.OpenCreateAt(background, "a\x00", unix.O_RDWR, 0o644, 1, 2)
	}
	v.setHook(nil)
	c.root.OpenCreateAt(background, "file", unix.O_RDWR, 0o644, 1, 2)
	v.wrap = func(Handle) Handle { return noWriter{} }
	f.OpenAt(background, unix.O_RDWR)
	if err := c.mount.calls.drain(); err != nil {
		t.Fatal(err)
	}
	if n := c.mount.files.used.Load(); n != files {
		t.Errorf("%d files, want %d", n, files)
	}
	if n := c.mount.open.used.Load(); n != open {
		t.Errorf("%d open files, want %d", n, open)
	}
	c.wantLog("which is no WritableHandle")
}

// noWriter is a handle that cannot write.
type noWriter struct{}

func (noWriter) ReadAt(context.Context, []byte, int64) (int, error) { return 0, nil }
func (noWriter) Close(context.Context) error                        { return nil }
