package volume

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"runtime/debug"
	"sync/atomic"

	"golang.org/x/sys/unix"
	"gvisor.dev/gvisor/pkg/lisafs"
	"gvisor.dev/gvisor/pkg/unet"
)

// MountOptions says how a volume is served at one mount.
type MountOptions struct {
	// Name is the mount's destination, for the log.
	Name string

	// ReadOnly is set where nothing may be changed. Without it, the volume must
	// be Writable.
	ReadOnly bool

	// Limits bounds what the mount can use. Zero fields have the values of
	// DefaultLimits.
	Limits Limits

	// Logger gets what the applications' errno values do not tell. Nil is
	// slog.Default().
	Logger *slog.Logger
}

// Mount serves a volume to one sandbox, at one mount. It is the volume's LisaFS
// server: it keeps the sentry's rules for the volume.
type Mount struct {
	volume   Volume
	writable Writable // nil where the mount is read-only
	options  MountOptions
	report   *reporter
	calls    *calls
	nodes    *nodes
	buffers  buffers
	files    quota // control FDs
	open     quota // open files and directories
	fds      fdSet
	served   atomic.Bool
}

// ErrServed is the error of a second Serve.
var ErrServed = errors.New("the mount was served before; each client needs a Mount of its own")

// NewMount prepares to serve v, which stays the caller's to close, after Serve
// has returned. It asks for the root, within the mount's own time limit too.
func NewMount(ctx context.Context, v Volume, o MountOptions) (*Mount, error) {
	m := &Mount{volume: v, options: o}
	if err := m.setLimits(); err != nil {
		return nil, fmt.Errorf("mount %q: %w", o.Name, err)
	}
	if !o.ReadOnly {
		w, ok := v.(Writable)
		if !ok {
			return nil, fmt.Errorf("mount %q: the volume cannot be written; mount it read-only", o.Name)
		}
		m.writable = w
	}
	m.report = newReporter(o.Logger, o.Name)
	m.calls.report = m.report
	root, err := m.findRoot(ctx)
	if err != nil {
		return nil, fmt.Errorf("mount %q: root of the volume: %w", o.Name, err)
	}
	m.nodes = newNodes(root)
	return m, nil
}

func (m *Mount) setLimits() error {
	l, d := &m.options.Limits, DefaultLimits
	if l.CallTimeout < 0 || l.Calls < 0 || l.Files < 0 || l.OpenFiles < 0 {
		return fmt.Errorf("limits %+v: negative; zero means the default", *l)
	}
	if l.CallTimeout == 0 {
		l.CallTimeout = d.CallTimeout
	}
	for _, f := range []struct {
		limit   *int
		instead int
	}{{&l.Calls, d.Calls}, {&l.Files, d.Files}, {&l.OpenFiles, d.OpenFiles}} {
		if *f.limit == 0 {
			*f.limit = f.instead
		}
	}
	m.calls = &calls{timeout: l.CallTimeout, max: l.Calls}
	m.files.max, m.open.max = int64(l.Files), int64(l.OpenFiles)
	return nil
}

func (m *Mount) findRoot(ctx context.Context) (Attr, error) {
	root, err := attempt(m.calls, func(limited context.Context) (Attr, error) {
		merged, cancel := context.WithCancelCause(limited)
		defer cancel(nil)
		defer context.AfterFunc(ctx, func() { cancel(context.Cause(ctx)) })()
		return m.volume.Root(merged)
	}, nil)
	if err != nil {
		return Attr{}, err
	}
	if err := root.check(); err != nil {
		return Attr{}, err
	}
	if !root.Mode.IsDir() {
		return Attr{}, fmt.Errorf("%q is no directory but %v", root.ID, root.Mode)
	}
	return root, nil
}

// Serve serves the client at the other end of the socket until it hangs up. It
// takes ownership of the socket. When it returns, the handles are closed and no
// call to the volume is running, but for those that do not heed their contexts:
// then it returns an error, after the time limit of a call.
//
// In a gofer it runs behind a filter that kills the process for a system call
// that is not listed (runsc/fsgofer/filter/config/config_main.go). So there is
// none here, nor in what it calls, that the stock file server does not make for
// LisaFS.
func (m *Mount) Serve(socket *os.File) error {
	if !m.served.CompareAndSwap(false, true) {
		socket.Close()
		return ErrServed
	}
	s, err := takeSocket(socket)
	if err != nil {
		return fmt.Errorf("mount %q: socket: %w", m.options.Name, err)
	}
	// A server of its own: a server has one lock for all renames
	// (pkg/lisafs/server.go, renameMu), which a slow volume would hold for all
	// mounts.
	server := lisafs.NewServer()
	server.SetHandlers(handlers)
	defer server.Destroy()
	conn, err := server.CreateConnection(s, "/", m.connectionOpts(), &connection{m})
	if err != nil {
		s.Close()
		return fmt.Errorf("mount %q: %w", m.options.Name, err)
	}
	err = runConnection(conn)
	m.fds.closeLost()
	if err := errors.Join(err, m.calls.drain()); err != nil {
		return fmt.Errorf("mount %q: %w", m.options.Name, err)
	}
	return nil
}

// takeSocket makes an os.File the engine's socket. The duplicate is not
// close-on-exec, because the gofer's filter allows dup(2) only: a process that
// serves must not start programs meanwhile.
func takeSocket(socket *os.File) (*unet.Socket, error) {
	fd, err := unix.Dup(int(socket.Fd()))
	if err := errors.Join(err, socket.Close()); err != nil {
		if fd >= 0 {
			unix.Close(fd)
		}
		return nil, err
	}
	s, err := unet.NewSocket(fd)
	if err != nil {
		unix.Close(fd)
		return nil, err
	}
	return s, nil
}

// runConnection serves until the client hangs up. The engine recovers from panics
// in its handlers, but not when it receives: a header that announces 4 GiB less
// one byte makes it panic (pkg/lisafs/sock.go, PayloadBuf). That ends this
// connection only; Run has cleaned up then.
func runConnection(conn *lisafs.Connection) (err error) {
	defer func() {
		if v := recover(); v != nil {
			err = fmt.Errorf("the client broke the protocol: %v\n%s", v, debug.Stack())
		}
	}()
	conn.Run()
	return nil
}
