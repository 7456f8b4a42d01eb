package volume

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"sync"
	"syscall"
	"time"

	"github.com/directfs/runsc/pkg/volume/handoff"
	"golang.org/x/sys/unix"
)

// Listener is a daemon's socket, or stands for it in a worker.
type Listener struct {
	path   string
	socket *net.UnixListener // nil in a worker
	file   os.FileInfo       // the socket in the file system
	lock   *os.File
	close  func() error
}

// InUseError is for a socket that another daemon listens at.
type InUseError struct{ Path string }

func (e *InUseError) Error() string {
	return fmt.Sprintf("socket %s: another daemon listens there; end it, or choose another path", e.Path)
}

// Listen makes a socket of mode 0600, which [Serve] listens at. The path is
// absolute and of at most 107 bytes. A socket that a dead daemon left is
// replaced; one that somebody listens at is an *InUseError. Beside the socket
// there is a lock, PATH.lock, as long as the daemon accepts requests. In a worker
// Listen does nothing.
func Listen(path string) (*Listener, error) {
	if _, err := handoff.ParseAddress("unix:" + path); err != nil {
		return nil, err
	}
	if ownListener() != "" {
		return &Listener{path: path, close: func() error { return nil }}, nil
	}
	lock, err := lockFor(path)
	if err != nil {
		return nil, err
	}
	l := &Listener{path: path, lock: lock}
	l.close = sync.OnceValue(l.remove)
	if err := l.bind(); err != nil {
		return nil, errors.Join(err, l.Close())
	}
	return l, nil
}

// IsWorker reports whether this process is a worker that the daemon has started.
// What there can be only one of, such as a port for metrics, is the daemon's.
func (l *Listener) IsWorker() bool { return l.socket == nil }

// Close removes the socket. Serve does it.
func (l *Listener) Close() error { return l.close() }

func (l *Listener) bind() error {
	if err := removeStale(l.path); err != nil {
		return err
	}
	// The kernel makes the file with the mode of the socket: unix_bind_bsd in
	// net/unix/af_unix.c. The umask is the process's, which has other threads.
	private := func(_, _ string, c syscall.RawConn) error {
		var inner error
		err := c.Control(func(fd uintptr) { inner = unix.Fchmod(int(fd), 0o600) })
		return errors.Join(err, inner)
	}
	socket, err := (&net.ListenConfig{Control: private}).Listen(context.Background(), "unixpacket", l.path)
	if err != nil {
		return err
	}
	l.socket = socket.(*net.UnixListener)
	l.socket.SetUnlinkOnClose(false)
	if l.file, err = os.Lstat(l.path); err != nil {
		return err
	}
	if mode := l.file.Mode(); mode.Type() != fs.ModeSocket || mode.Perm()&0o077 != 0 {
		return fmt.Errorf("socket %s: it has the mode %v, and should be the owner's only", l.path, mode)
	}
	return nil
}

// removeStale removes a socket that nobody listens at. The caller has the lock;
// a program that does not know it may still use the path.
func removeStale(path string) error {
	st, err := os.Lstat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	if st.Mode().Type() != fs.ModeSocket {
		return fmt.Errorf("socket %s: there is something else, which is no socket (%v); remove it, or choose another path", path, st.Mode())
	}
	c, err := net.DialTimeout("unixpacket", path, time.Second)
	if err == nil {
		c.Close()
	}
	if !errors.Is(err, unix.ECONNREFUSED) {
		return &InUseError{path}
	}
	return os.Remove(path)
}

// remove removes the socket, unless it is another daemon's by now, and then the
// lock.
func (l *Listener) remove() error {
	var errs []error
	if l.file != nil {
		if st, err := os.Lstat(l.path); err == nil && os.SameFile(st, l.file) {
			errs = append(errs, os.Remove(l.path))
		}
	}
	if l.socket != nil {
		errs = append(errs, l.socket.Close())
	}
	return errors.Join(append(errs, os.Remove(l.lock.Name()), l.lock.Close())...)
}

// lockFor takes the lock for a socket. Whoever has it may remove its file: a
// lock counts only while it is that of the path.
func lockFor(path string) (*os.File, error) {
	for {
		f, err := os.OpenFile(path+".lock", os.O_RDWR|os.O_CREATE|unix.O_NOFOLLOW, 0o600)
		if err != nil {
			return nil, err
		}
		err = unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB)
		if err != nil {
			f.Close()
			if errors.Is(err, unix.EWOULDBLOCK) {
				return nil, &InUseError{path}
			}
			return nil, fmt.Errorf("locking %s: %w", f.Name(), err)
		}
		have, err := f.Stat()
		if err != nil {
			f.Close()
			return nil, err
		}
		if st, err := os.Lstat(f.Name()); err == nil && os.SameFile(st, have) {
			return f, nil
		}
		f.Close()
	}
}
