package e2e

import (
	"context"
	"fmt"
	"net"
	"os"
	"strings"
	"testing"

	"github.com/directfs/runsc/pkg/volume/handoff"
	"github.com/directfs/runsc/runsc/harness"
	specs "github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"
)

// Of two mounts of a volume at one place the later one is seen, also where the
// sentry mounts them in another order, as it does among many. A daemon serves
// both before their places are known, so that with one the two must agree.
func TestVolumeTwiceAtOnePlace(t *testing.T) {
	servedBoth(t, func(t *testing.T, l *volumeLab) {
		b := l.Bundle(t, l.mount(t, "/v", "host", "v", "rw"), harness.Edit(func(s *specs.Spec) {
			again := s.Mounts[len(s.Mounts)-1]
			again.Options = []string{again.Options[0], "ro"}
			s.Mounts = append(s.Mounts, again)
			for i := range 14 {
				s.Mounts = append(s.Mounts, specs.Mount{Destination: fmt.Sprintf("/xxx%02d", i), Type: "tmpfs", Source: "tmpfs"})
			}
		}), harness.Args("serve"))
		id := l.ID()
		c, err := l.RunDetached(harness.Context(t), id, b)
		if l.daemon != nil {
			if err == nil || !strings.Contains(err.Error(), "serves another mount at this place, and only one of the two is read-only") {
				t.Errorf("started: %v", err)
			}
			l.CheckGone(t, id)
			return
		}
		check(t, err)
		r, err := c.Exec(harness.Context(t), "write", "/v/file", "text")
		if err != nil || r.ExitCode == 0 {
			t.Errorf("a read-only mount was written: %+v, %v", r, err)
		}
		stop(t, l.Lab, c)
	}, flag(true))
}

// A restore that a daemon keeps waiting can be interrupted, and the container
// deleted.
func TestInterruptedRestore(t *testing.T) {
	l := newDaemonLab(t)
	b := l.Bundle(t, l.mount(t, "/v", "host", "v"), harness.Args("counter", "/v/lines"))
	c := l.Serve(t, b)
	expectLine(t, c, "0")
	image := checkpoint(t, l.Lab, c)
	l.daemon.end(t, unix.SIGTERM)
	taken, end := make(chan struct{}), make(chan struct{})
	defer close(end)
	foreignDaemon(t, l.Lab, handoff.Info{}, func(in handoff.Incoming, c *net.UnixConn) {
		defer in.Socket.Close()
		_ = handoff.Reply{}.Send(context.Background(), c, nil)
		_, _ = in.Socket.Read(make([]byte, 1)) // the sandbox asks for the root
		close(taken)
		<-end
	})
	id := l.ID()
	client := clientOf(l.Lab, "restore", "--detach", "--bundle="+b.Dir, "--image-path="+image, id)
	client.Stderr = os.Stderr
	check(t, client.Start())
	ended := make(chan error, 1)
	go func() { ended <- client.Wait() }()
	select {
	case err := <-ended:
		t.Fatalf("restored: %v", err)
	case <-taken:
	}
	check(t, client.Process.Signal(unix.SIGINT))
	<-ended
	command(t, l.Runtime, "delete", "--force", id)
	l.CheckGone(t, id)
}
