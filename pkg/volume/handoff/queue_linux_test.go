package handoff

import (
	"context"
	"errors"
	"os"
	"testing"
	"time"

	"github.com/directfs/runsc/pkg/volume/internal/packet"
	"golang.org/x/sys/unix"
)

// A daemon that accepts nobody has a full queue some time.
func TestQueueIsFull(t *testing.T) {
	openFDs(t)
	a := socketPath(t)
	fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_SEQPACKET|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	l := os.NewFile(uintptr(fd), "listener")
	defer l.Close()
	if err := unix.Bind(fd, &unix.SockaddrUnix{Name: a.path}); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(unix.Listen(fd, 0), os.Chmod(a.path, 0o600)); err != nil {
		t.Fatal(err)
	}
	first, err := Connect(within(t), a)
	if err != nil {
		t.Fatal(err)
	}
	defer first.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	if _, err := Ask(ctx, a, plain); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("with a full queue: %v", err)
	}
	answered := make(chan error)
	go func() {
		_, err := Ask(within(t), a, plain)
		answered <- err
	}()
	for range 2 { // makes room, and answers
		fd, _, err := unix.Accept4(fd, unix.SOCK_CLOEXEC)
		if err != nil {
			t.Fatal(err)
		}
		c, err := packet.Conn(os.NewFile(uintptr(fd), "client"))
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		_ = Reply{}.Send(within(t), c, nil)
	}
	if err := <-answered; err != nil {
		t.Error(err)
	}
}
