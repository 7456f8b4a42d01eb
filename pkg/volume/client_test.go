package volume

import (
	"bytes"
	"context"
	"log/slog"
	"os"
	"strings"
	"sync"
	"testing"

	"golang.org/x/sys/unix"
	"gvisor.dev/gvisor/pkg/abi/linux"
	gcontext "gvisor.dev/gvisor/pkg/context"
	"gvisor.dev/gvisor/pkg/lisafs"
	"gvisor.dev/gvisor/pkg/unet"
)

// client is the engine's client of a mount in the same process.
type client struct {
	*lisafs.Client
	t      *testing.T
	root   lisafs.ClientFD
	stat   lisafs.Statx // of the root
	mount  *Mount
	log    *logBuffer
	served chan error
}

var background = gcontext.Background()

// logBuffer is what a mount logged.
type logBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *logBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *logBuffer) has(want string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return strings.Contains(l.b.String(), want)
}

func (l *logBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// sockets returns the server's end and the client's.
func sockets(t testing.TB) (*os.File, int) {
	t.Helper()
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	return os.NewFile(uintptr(fds[0]), "server"), fds[1]
}

// start serves a volume. What it returns gets Serve's error.
func start(t testing.TB, v Volume, o MountOptions) (*Mount, *logBuffer, int, chan error) {
	t.Helper()
	log := &logBuffer{}
	if o.Name == "" {
		o.Name = "/data"
	}
	o.Logger = slog.New(slog.NewTextHandler(log, nil))
	m, err := NewMount(context.Background(), v, o)
	if err != nil {
		t.Fatal(err)
	}
	server, fd := sockets(t)
	served := make(chan error, 1)
	go func() { served <- m.Serve(server) }()
	return m, log, fd, served
}

// dial serves a volume to a client, which hangs up at the end of the test.
func dial(t *testing.T, v Volume, o MountOptions) *client {
	t.Helper()
	m, log, fd, served := start(t, v, o)
	s, err := unet.NewSocket(fd)
	if err != nil {
		t.Fatal(err)
	}
	c, root, host, err := lisafs.NewClient(s)
	if err != nil {
		t.Fatalf("NewClient: %v, log: %s", err, log)
	}
	if host != -1 {
		t.Errorf("the root's FD was donated: %d", host)
	}
	if err := c.StartChannels(); err != nil {
		t.Fatal(err)
	}
	cl := &client{Client: c, t: t, root: c.NewFD(root.ControlFD), stat: root.Stat, mount: m, log: log, served: served}
	t.Cleanup(func() {
		if err := cl.hangUp(); err != nil {
			t.Errorf("Serve: %v", err)
		}
	})
	return cl
}

// hangUp ends the connection and returns Serve's error. Only the first call has
// one.
func (c *client) hangUp() error {
	if c.served == nil {
		return nil
	}
	c.Client.Close()
	err := <-c.served
	c.served = nil
	return err
}

// walk returns a file in the root.
func (c *client) walk(name string) (lisafs.ClientFD, lisafs.Statx) {
	c.t.Helper()
	i, err := c.root.Walk(background, name)
	if err != nil {
		c.t.Fatalf("walking to %q: %v, log: %s", name, err, c.log)
	}
	return c.NewFD(i.ControlFD), i.Stat
}

// open opens a file in the root, and closes what is donated.
func (c *client) open(name string, flags uint32) lisafs.ClientFD {
	c.t.Helper()
	f, _ := c.walk(name)
	return c.openFD(f, flags)
}

func (c *client) openFD(f lisafs.ClientFD, flags uint32) lisafs.ClientFD {
	c.t.Helper()
	id, host, err := f.OpenAt(background, flags)
	if err != nil {
		c.t.Fatalf("OpenAt: %v, log: %s", err, c.log)
	}
	if host >= 0 {
		unix.Close(host)
	}
	return c.NewFD(id)
}

// list returns a directory's names, read as the sentry reads them.
func (c *client) list(dir lisafs.ClientFD, count int32) ([]lisafs.Dirent64, error) {
	count = -count // from the beginning
	var all []lisafs.Dirent64
	for {
		page, err := dir.Getdents64(background, count)
		if err != nil || len(page) == 0 {
			return all, err
		}
		all = append(all, page...)
		count = max(count, -count)
	}
}

func (c *client) wantErrno(what string, err error, want unix.Errno) {
	c.t.Helper()
	if want == 0 && err == nil {
		return
	}
	if err != want {
		c.t.Errorf("%s: %v, want %v; log: %s", what, err, want, c.log)
	}
}

func (c *client) wantLog(want string) {
	c.t.Helper()
	if !c.log.has(want) {
		c.t.Errorf("log has no %q: %s", want, c.log)
	}
}

func lisafsMode(mode uint16) linux.FileMode { return linux.FileMode(mode) }
