package handoff

import (
	"context"
	"net"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

const linger = 30 * time.Second

// lingering returns a socket of which the last close waits: for what was sent by
// it and nobody takes, socket(7), SO_LINGER.
func lingering(t *testing.T) int {
	t.Helper()
	l, err := net.ListenTCP("tcp4", &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	c, err := net.DialTCP("tcp4", nil, l.Addr().(*net.TCPAddr))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	peer, err := l.AcceptTCP()
	if err != nil {
		t.Fatal(err)
	}
	f, err := c.File()
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	fd, err := unix.FcntlInt(f.Fd(), unix.F_DUPFD_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	if err := unix.SetNonblock(fd, true); err != nil {
		t.Fatal(err)
	}
	for err == nil {
		_, err = unix.Write(fd, make([]byte, 1<<16))
	}
	if err := unix.SetsockoptLinger(fd, unix.SOL_SOCKET, unix.SO_LINGER, &unix.Linger{Onoff: 1, Linger: int32(linger / time.Second)}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { peer.Close() }) // which ends the waiting
	return fd
}

// A daemon cannot keep a client waiting by what it sends with a reply.
func TestFileThatIsSlowToClose(t *testing.T) {
	dir := open(t, t.TempDir())
	for name, ask := range map[string]func(context.Context, Address) error{
		"ask":  func(ctx context.Context, a Address) error { _, err := Ask(ctx, a, plain); return err },
		"root": func(ctx context.Context, a Address) error { _, _, err := AttachRoot(ctx, a, plain); return err },
	} {
		t.Run(name, func(t *testing.T) {
			a := socketPath(t)
			listen(t, a, func(ctx context.Context, c *net.UnixConn) {
				if _, err := Receive(ctx, c); err != nil {
					t.Error(err)
				}
				slow := lingering(t)
				f, err := c.File()
				if err != nil {
					t.Error(err)
				}
				defer f.Close()
				// At once, so that the client's is the last.
				err = unix.Sendmsg(int(f.Fd()), []byte(`{"version":1}`), unix.UnixRights(slow, int(dir.Fd())), nil, 0)
				unix.Close(slow)
				if err != nil {
					t.Error(err)
				}
			})
			ctx, cancel := context.WithTimeout(context.Background(), time.Second)
			defer cancel()
			began := time.Now()
			if err := ask(ctx, a); err == nil {
				t.Error("there is no error")
			}
			if took := time.Since(began); took > linger/2 {
				t.Errorf("it took %v", took)
			}
		})
	}
}
