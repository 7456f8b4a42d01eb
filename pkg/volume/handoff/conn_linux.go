package handoff

import (
	"context"
	"errors"
	"io"
	"net"
	"os"
	"sync/atomic"

	"github.com/directfs/runsc/pkg/volume/internal/packet"
	"golang.org/x/sys/unix"
)

// Conn is a connection to a daemon. It is for one request. Errors of its methods
// are *Error.
type Conn struct {
	daemon Address
	c      *net.UnixConn
	left   atomic.Bool // there is an exchange that was left to itself
}

// Connect connects to a daemon. It refuses a socket that is a symlink, that
// belongs to neither root nor the effective user, or that everybody may write
// to, and a process behind it that is not the owner's. Errors are *Error. It
// needs /proc.
func Connect(ctx context.Context, a Address) (*Conn, error) {
	c, err := dial(ctx, a.path)
	if err != nil {
		return nil, (&Conn{daemon: a}).fail("", err)
	}
	return &Conn{daemon: a, c: c}, nil
}

// NewConn makes a Conn of a file that another process got from Conn.File. It
// closes the file, also on error. Nothing is checked again.
func NewConn(a Address, f *os.File) (*Conn, error) {
	c, err := packet.Conn(f)
	if err != nil {
		return nil, (&Conn{daemon: a}).fail("", err)
	}
	return &Conn{daemon: a, c: c}, nil
}

// File returns a copy of the connection for another process.
func (c *Conn) File() (*os.File, error) { return c.c.File() }

// Close ends the connection, and a daemon's use of a volume whose root was
// attached.
func (c *Conn) Close() error {
	if c.left.Load() {
		go c.c.Close() // which waits for the exchange
		return nil
	}
	return c.c.Close()
}

// Ask asks whether a volume could be attached, and what it can do.
func (c *Conn) Ask(ctx context.Context, r Request) (Info, error) {
	reply, err := c.do(ctx, Header{Operation: OpAsk, Request: r})
	if err != nil {
		return Info{}, err
	}
	return reply.Info, nil
}

// Attach hands over the server's end of a LisaFS connection and returns when the
// volume is open and is about to be served. The file stays the caller's.
func (c *Conn) Attach(ctx context.Context, r Request, socket *os.File) error {
	_, err := c.do(ctx, Header{Operation: OpAttach, Request: r}, socket)
	return err
}

// AttachRoot returns the root directory of a volume that donates it. The volume
// is in use until the connection is closed.
func (c *Conn) AttachRoot(ctx context.Context, r Request) (*os.File, error) {
	reply, err := c.do(ctx, Header{Operation: OpAttach, Request: r, Root: true})
	if err != nil {
		return nil, err
	}
	return reply.root, nil
}

// Ask connects to a daemon for Conn.Ask.
func Ask(ctx context.Context, a Address, r Request) (Info, error) {
	c, err := Connect(ctx, a)
	if err != nil {
		return Info{}, of(err, r)
	}
	defer c.Close()
	return c.Ask(ctx, r)
}

// Attach connects to a daemon for Conn.Attach.
func Attach(ctx context.Context, a Address, r Request, socket *os.File) error {
	c, err := Connect(ctx, a)
	if err != nil {
		return of(err, r)
	}
	defer c.Close()
	return c.Attach(ctx, r, socket)
}

// AttachRoot connects to a daemon for Conn.AttachRoot. The volume is in use
// until the connection is closed.
func AttachRoot(ctx context.Context, a Address, r Request) (*os.File, *Conn, error) {
	c, err := Connect(ctx, a)
	if err != nil {
		return nil, nil, of(err, r)
	}
	root, err := c.AttachRoot(ctx, r)
	if err != nil {
		c.Close()
		return nil, nil, err
	}
	return root, c, nil
}

// of completes an error of Connect.
func of(err error, r Request) error {
	var e *Error
	if errors.As(err, &e) {
		e.Volume = r.Volume
	}
	return err
}

func (c *Conn) do(ctx context.Context, h Header, files ...*os.File) (answer, error) {
	a, err := c.inTime(ctx, h, files)
	if err != nil {
		return answer{}, c.fail(h.Volume, err)
	}
	return a, nil
}

// fail says what an error is about.
func (c *Conn) fail(volume string, err error) error {
	var refusal *Error
	if errors.As(err, &refusal) {
		refusal.Daemon, refusal.Volume = c.daemon, volume
		return refusal
	}
	e := &Error{Daemon: c.daemon, Volume: volume, Kind: Unavailable, Text: text(explain(err)), err: err}
	var version *VersionError
	var bad malformed
	var socket socketError
	switch {
	case errors.As(err, &version):
		e.Kind, e.Text = WrongVersion, version.Error()
	case errors.As(err, &bad):
		e.Kind = Malformed
	case errors.As(err, &socket):
		e.Kind = Untrusted
	}
	return e
}

// explain says what to look at, for errors that do not.
func explain(err error) string {
	switch {
	case errors.Is(err, unix.ENOENT):
		return "there is no socket; is the daemon running?"
	case errors.Is(err, unix.ECONNREFUSED):
		return "nobody listens at the socket; is the daemon running?"
	case errors.Is(err, unix.EPROTOTYPE):
		return "the socket is of another type than SOCK_SEQPACKET; it is another program's"
	case errors.Is(err, io.EOF), errors.Is(err, unix.ECONNRESET):
		return "the daemon closed the connection without an answer"
	}
	return err.Error()
}
