package e2e

import (
	"context"
	"net"
	"path/filepath"
	"testing"
	"time"

	"github.com/directfs/runsc/pkg/volume/handoff"
	"github.com/directfs/runsc/runsc/harness"
	"golang.org/x/sys/unix"
)

// A client that is killed while a container of a pod waits for a daemon that does
// not serve it leaves a pod that goes on.
func TestClientKilledAtDaemonThatDoesNotServe(t *testing.T) {
	l := idleLab(t)
	end, taken := make(chan struct{}), make(chan struct{}, 1)
	defer close(end)
	l.Runtime = foreignDaemon(t, l, handoff.Info{}, func(in handoff.Incoming, c *net.UnixConn) {
		defer in.Socket.Close()
		_ = handoff.Reply{}.Send(context.Background(), c, nil)
		_, _ = in.Socket.Read(make([]byte, 1)) // the sandbox process mounts
		taken <- struct{}{}
		<-end
	})
	pause := servePod(t, l, l.Runtime, true, harness.PodSandbox())
	b, id := l.Bundle(t, harness.PodMember(pause.ID, "app"), (&volumeLab{backend: "daemon"}).mountFrom("/nowhere", "/v", "v"), harness.Args("serve")), l.ID()
	_, err := l.Create(harness.Context(t), id, b)
	check(t, err)
	start := clientOf(l, "start", id)
	check(t, start.Start())
	<-taken
	check(t, start.Process.Kill())
	_ = start.Wait()
	began := time.Now()
	command(t, l.Runtime, "delete", "--force", id)
	if took := time.Since(began); took > 2*time.Minute {
		t.Errorf("it took %v", took)
	}
	l.CheckGone(t, id)
	checkOpsIn(t, pause, "/tmp")
	stop(t, l, pause)
}

// The engine watches whoever serves the rootfs. So a container ends with the daemon
// that does, and goes on without its gofer.
func TestDaemonOfRootfs(t *testing.T) {
	l := newDaemonLab(t)
	root := filepath.Join(l.dir, "root")
	c := l.Serve(t, l.Bundle(t, harness.RootfsFrom(root), harness.Annotation("dev.gvisor.spec.rootfs.gofer", "daemon/host-root"),
		l.mount(t, "/v", "host", "v"), harness.Args("serve", "/", "/v")))
	readReport(t, c)
	check(t, unix.Kill(c.GoferPID, unix.SIGKILL))
	checkOpsIn(t, c, "/v")
	l.daemon.end(t, unix.SIGKILL)
	if code, err := c.Wait(harness.Context(t)); err != nil || code == 0 {
		t.Errorf("it ended with %d, %v", code, err)
	}
	check(t, c.Delete(harness.Context(t)))
	l.CheckGone(t, c.ID)
}
