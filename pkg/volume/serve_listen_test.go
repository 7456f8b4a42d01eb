package volume

import (
	"context"
	"errors"
	"io/fs"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
)

// socketPath is short enough for a socket, whatever the test is called.
func socketPath(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "volume")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return filepath.Join(dir, "s")
}

func TestListen(t *testing.T) {
	path := socketPath(t)
	old := syscall.Umask(0)
	l, err := Listen(path)
	syscall.Umask(old)
	if err != nil {
		t.Fatal(err)
	}
	if st, err := os.Lstat(path); err != nil || st.Mode() != fs.ModeSocket|0o600 {
		t.Errorf("the socket is %v, %v", st.Mode(), err)
	}
	if l.IsWorker() {
		t.Error("this process is a worker")
	}
	var inUse *InUseError
	if _, err := Listen(path); !errors.As(err, &inUse) || inUse.Path != path {
		t.Errorf("once more: %v", err)
	}
	for range 2 {
		if err := l.Close(); err != nil {
			t.Errorf("closing: %v", err)
		}
	}
	if left, err := os.ReadDir(filepath.Dir(path)); err != nil || len(left) > 0 {
		t.Errorf("left: %v, %v", left, err)
	}
}

func TestListenAtSomethingElse(t *testing.T) {
	for name, test := range map[string]struct {
		make func(t *testing.T, path string)
		want string // in the error; none: it is replaced
	}{
		"dead daemon's socket": {func(t *testing.T, path string) { leave(t, "unixpacket", path) }, ""},
		"dead daemon's lock":   {func(t *testing.T, path string) { write(t, path+".lock") }, ""},
		"dead stranger's":      {func(t *testing.T, path string) { leave(t, "unix", path) }, ""},
		"file":                 {write, "no socket"},
		"symlink":              {func(t *testing.T, path string) { symlink(t, path+"2", path) }, "no socket"},
		"symlink to a socket":  {func(t *testing.T, path string) { leave(t, "unix", path+"2"); symlink(t, path+"2", path) }, "no socket"},
		"somebody who listens": {func(t *testing.T, path string) { serveAt(t, "unixpacket", path) }, "another daemon listens"},
		"another protocol's":   {func(t *testing.T, path string) { serveAt(t, "unix", path) }, "another daemon listens"},
		"lock that is a link":  {func(t *testing.T, path string) { symlink(t, path+"2", path+".lock") }, "too many levels"},
	} {
		t.Run(name, func(t *testing.T) {
			path := socketPath(t)
			test.make(t, path)
			before, _ := os.Lstat(path)
			l, err := Listen(path)
			if test.want == "" {
				if err != nil {
					t.Fatal(err)
				}
				l.Close()
				return
			}
			if err == nil || !strings.Contains(err.Error(), test.want) || !strings.Contains(err.Error(), path) {
				t.Errorf("%v; want %q", err, test.want)
			}
			if after, err := os.Lstat(path); before != nil && (err != nil || !os.SameFile(before, after)) {
				t.Errorf("it is gone: %v", err)
			}
		})
	}
}

func leave(t *testing.T, network, path string) {
	t.Helper()
	l, err := net.ListenUnix(network, &net.UnixAddr{Name: path, Net: network})
	if err != nil {
		t.Fatal(err)
	}
	l.SetUnlinkOnClose(false)
	l.Close()
}

func serveAt(t *testing.T, network, path string) {
	t.Helper()
	l, err := net.Listen(network, path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
}

func write(t *testing.T, path string) {
	t.Helper()
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
}

func symlink(t *testing.T, target, path string) {
	t.Helper()
	if err := os.Symlink(target, path); err != nil {
		t.Fatal(err)
	}
}

func TestListenBadPath(t *testing.T) {
	for _, path := range []string{"", "s", "/", "/" + strings.Repeat("a", 200), "/a/../b", "/nowhere/at/all"} {
		if l, err := Listen(path); err == nil {
			l.Close()
			t.Errorf("it listens at %q", path)
		}
	}
}

// Of many that come and go, one at a time has the socket, and it is its own.
func TestListenRace(t *testing.T) {
	path := socketPath(t)
	leave(t, "unixpacket", path)
	var have atomic.Int32
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			for won := 0; won < 20; {
				l, err := Listen(path)
				var inUse *InUseError
				if errors.As(err, &inUse) {
					continue
				}
				if err != nil {
					t.Error(err)
					return
				}
				won++
				if have.Add(1) != 1 {
					t.Error("two have the socket")
				}
				if st, err := os.Lstat(path); err != nil || !os.SameFile(st, l.file) {
					t.Errorf("the socket is another one's: %v", err)
				}
				have.Add(-1)
				l.Close()
			}
		})
	}
	all.Wait()
}

// Who takes the socket of a daemon away keeps it.
func TestCloseOfAnother(t *testing.T) {
	path := socketPath(t)
	l, err := Listen(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	write(t, path)
	if err := Serve(canceled(t), l, nil, ServeOptions{Logger: slog.New(slog.DiscardHandler)}); err != nil {
		t.Error(err)
	}
	if _, err := os.Lstat(path); err != nil {
		t.Error(err)
	}
}

func canceled(t *testing.T) context.Context {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	return ctx
}

func TestServeOptions(t *testing.T) {
	for name, o := range map[string]ServeOptions{
		"little memory":      {Memory: 64 << 20},
		"negative mounts":    {Mounts: -1},
		"negative asks":      {Asks: -1},
		"negative workers":   {Workers: -1},
		"negative listeners": {Connections: -1},
	} {
		t.Run(name, func(t *testing.T) {
			l, err := Listen(socketPath(t))
			if err != nil {
				t.Fatal(err)
			}
			if err := Serve(t.Context(), l, nil, o); err == nil {
				t.Error("it serves")
			}
			if _, err := os.Lstat(l.path); !errors.Is(err, os.ErrNotExist) {
				t.Errorf("the socket is left: %v", err)
			}
		})
	}
}
