package volume

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"syscall"
	"testing"
	"time"

	"github.com/directfs/runsc/pkg/volume/handoff"
)

// A daemon that is to end serves its mounts to their end, and lets another one
// take its place.
func TestDrain(t *testing.T) {
	d := startDaemon(t, ServeOptions{DrainTimeout: time.Hour})
	m := d.mount("s", "plain")
	if err := d.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	next := launchWhenFree(t, d)
	if answer := next.mount("s", "plain").say("volume"); answer == "" {
		t.Error("the next daemon does not serve")
	}
	if answer := m.say("volume"); answer == "" {
		t.Error("the mount is gone")
	}
	m.c.Close()
	if l := d.await("closed"); l.Volume != "plain" {
		t.Errorf("%+v", l)
	}
	if l := d.await("worker-ended"); l.Err != "<nil>" {
		t.Errorf("%+v", l)
	}
	<-d.exited
	if !d.cmd.ProcessState.Success() {
		t.Errorf("the daemon: %v", d.cmd.ProcessState)
	}
}

// launchWhenFree starts another daemon when the first one has removed its
// socket.
func launchWhenFree(t *testing.T, d *testDaemon) *testDaemon {
	t.Helper()
	eventually(t, func() error {
		if _, err := os.Lstat(d.address.Path() + ".lock"); !errors.Is(err, fs.ErrNotExist) {
			return errors.New("the socket is still there")
		}
		return nil
	})
	next := launch(t, daemonConfig{Path: d.address.Path()})
	next.await("ready")
	return next
}

// Mounts that go on for too long are ended, and their volumes closed.
func TestDrainByForce(t *testing.T) {
	d := startDaemon(t, ServeOptions{DrainTimeout: time.Millisecond})
	m := d.mount("s", "plain")
	root, c, err := handoff.AttachRoot(soon(t), d.address, request("s", "root"))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	defer root.Close()
	if err := d.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if _, err := m.r.ReadByte(); err != io.EOF {
		t.Errorf("the mount: %v", err)
	}
	d.await("closed")
	d.await("closed")
	if l := d.await("worker-ended"); l.Err != "<nil>" {
		t.Errorf("%+v", l)
	}
	<-d.exited
}

// A server that does not end has its volume closed all the same.
func TestDrainOfHangingServer(t *testing.T) {
	d := startDaemon(t, ServeOptions{DrainTimeout: time.Millisecond, CloseTimeout: time.Millisecond})
	m := d.mount("s", "plain")
	go func() { _, _ = m.try("hang") }()
	d.await("mounted")
	if err := d.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	d.await("closed")
	if l := d.await("worker-ended"); l.Err != "<nil>" {
		t.Errorf("%+v", l)
	}
	<-d.exited
}

// A worker that alone is to end does so, and another one takes its place.
func TestWorkerDrains(t *testing.T) {
	d := startDaemon(t, ServeOptions{DrainTimeout: time.Hour})
	m := d.mount("s", "plain")
	pid := m.pid()
	if err := syscall.Kill(pid, syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	var next *testMount
	eventually(t, func() error {
		var err error
		if next, err = d.attach(request("s", "plain")); err != nil {
			return err
		}
		if next.pid() == pid {
			next.c.Close()
			return errors.New("the worker takes more mounts")
		}
		return nil
	})
	if m.pid() != pid {
		t.Error("the mount has moved")
	}
	process := pidfd(t, pid)
	m.c.Close()
	awaitExit(t, process)
	if answer := next.say("volume"); answer == "" {
		t.Error("the next mount is gone")
	}
}
