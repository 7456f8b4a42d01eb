package volume

import (
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/directfs/runsc/pkg/volume/handoff"
	"github.com/directfs/runsc/pkg/volume/internal/packet"
	"golang.org/x/sys/unix"
)

// What ends a worker is no other sandbox's concern, and its own sandbox gets
// another worker.
func TestWorkerDies(t *testing.T) {
	for name, test := range map[string]struct {
		die  func(m *testMount)
		want string
	}{
		"killed":       {func(m *testMount) { _ = syscall.Kill(m.pid(), syscall.SIGKILL) }, "signal: killed"},
		"wants 3 GiB":  {func(m *testMount) { _, _ = m.try("allocate 3221225472") }, "exit status "},
		"wants 300 MB": {func(m *testMount) { _, _ = m.try("allocate 300000000") }, "exit status "},
	} {
		t.Run(name, func(t *testing.T) {
			d := startDaemon(t, ServeOptions{Memory: 256 << 20})
			victim, other := d.mount("s", "plain"), d.mount("t", "plain")
			pid := victim.pid()
			test.die(victim)
			if _, err := victim.r.ReadByte(); err != io.EOF {
				t.Errorf("the mount: %v", err)
			}
			if l := d.await("unmounted"); l.Sandbox != "s" {
				t.Errorf("%+v", l)
			}
			if l := d.await("worker-ended"); l.Sandbox != "s" || !strings.Contains(l.Err, test.want) {
				t.Errorf("%+v", l)
			}
			if again := d.mount("s", "plain"); again.pid() == pid {
				t.Error("the worker lives")
			}
			if answer := other.say("volume"); answer == "" {
				t.Error("the other sandbox's mount is gone")
			}
		})
	}
}

// Whoever waits for a worker that dies is told.
func TestWorkerDiesOpening(t *testing.T) {
	d := startDaemon(t, ServeOptions{})
	_, err := d.attach(request("s", "dying"))
	refusedAs(t, err, handoff.Unavailable, "the sandbox's worker died: exit status 3")
	if l := d.await("refused"); l.Volume != "dying" || l.Word != "unavailable" {
		t.Errorf("%+v", l)
	}
}

// Less than the limit is no problem.
func TestWorkerHasMemory(t *testing.T) {
	d := startDaemon(t, ServeOptions{Memory: 1 << 30})
	if answer := d.mount("s", "plain").say("allocate 150000000"); answer != "done" {
		t.Errorf("%q", answer)
	}
}

// Neither a worker that is stopped nor one that does not get far enough holds up
// others.
func TestWorkerHangs(t *testing.T) {
	d := startDaemon(t, ServeOptions{Mounts: 1000, RequestTimeout: 100 * time.Millisecond})
	m := d.mount("s", "plain")
	pid := m.pid()
	if err := syscall.Kill(pid, syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	eventually(t, func() error {
		if state := status(t, pid, "State"); !strings.HasPrefix(state, "T") {
			return fmt.Errorf("the worker's state is %s", state)
		}
		return nil
	})
	errs := make(chan error)
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	const many = 40
	for range many {
		go func() {
			fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
			if err != nil {
				errs <- err
				return
			}
			f := os.NewFile(uintptr(fds[0]), "theirs")
			defer f.Close()
			defer unix.Close(fds[1])
			errs <- handoff.Attach(ctx, d.address, request("s", "plain"), f)
		}()
	}
	if answer := d.mount("t", "plain").say("volume"); answer == "" {
		t.Error("another sandbox has no mount")
	}
	for range many {
		refusedAs(t, <-errs, handoff.Unavailable, "")
	}
	if err := syscall.Kill(pid, syscall.SIGCONT); err != nil {
		t.Fatal(err)
	}
	if answer := m.say("volume"); answer == "" {
		t.Error("the mount is gone")
	}
}

func TestDaemonKilled(t *testing.T) {
	d := startDaemon(t, ServeOptions{})
	a, b := pidfd(t, d.mount("s", "plain").pid()), pidfd(t, d.mount("t", "plain").pid())
	if err := d.cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	awaitExit(t, a)
	awaitExit(t, b)
	<-d.exited

	// What it has left is not in the way of the next one.
	next := launch(t, daemonConfig{Path: d.address.Path()})
	next.await("ready")
	if answer := next.mount("s", "plain").say("volume"); answer == "" {
		t.Error("the next daemon does not serve")
	}
}

// dial connects without being a client of the protocol.
func (d *testDaemon) dial() *net.UnixConn {
	d.t.Helper()
	c, err := net.DialUnix("unixpacket", nil, &net.UnixAddr{Name: d.address.Path(), Net: "unixpacket"})
	if err != nil {
		d.t.Fatal(err)
	}
	d.t.Cleanup(func() { c.Close() })
	_ = c.SetDeadline(time.Now().Add(patience))
	return c
}

func (d *testDaemon) openFDs() int {
	d.t.Helper()
	entries, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", d.cmd.Process.Pid))
	if err != nil {
		d.t.Fatal(err)
	}
	return len(entries)
}

func TestHostilePeers(t *testing.T) {
	d := startDaemon(t, ServeOptions{RequestTimeout: 50 * time.Millisecond, IdleTimeout: time.Hour})
	m := d.mount("s", "plain")
	before := d.openFDs()
	null, err := os.Open(os.DevNull)
	if err != nil {
		t.Fatal(err)
	}
	defer null.Close()
	for name, test := range map[string]struct {
		message string
		files   []*os.File
		want    string
	}{
		"silence":       {"", nil, "no request within 50ms"},
		"garbage":       {"hello", nil, "malformed"},
		"later version": {`{"version":2}`, nil, "this one version 1"},
		"too long":      {strings.Repeat(" ", handoff.MaxMessage+1), nil, "longer than"},
		"many files":    {"{", []*os.File{null, null, null, null, null, null, null, null}, "too many files"},
		"some files":    {"{", []*os.File{null, null}, "malformed"},
	} {
		t.Run(name, func(t *testing.T) {
			c := d.dial()
			if test.message != "" {
				if err := packet.Send(c, []byte(test.message), test.files...); err != nil {
					t.Fatal(err)
				}
			}
			reply, files, err := packet.Receive(c, handoff.MaxMessage, 0)
			if err != nil || len(files) != 0 || !strings.Contains(string(reply), test.want) {
				t.Errorf("%s with %d files, %v", reply, len(files), err)
			}
			if _, _, err := packet.Receive(c, 1, 0); err != io.EOF {
				t.Errorf("after the reply: %v", err)
			}
		})
	}
	if after := d.openFDs(); after > before {
		t.Errorf("the daemon has %d FDs, had %d", after, before)
	}
	if answer := m.say("volume"); answer == "" {
		t.Error("the mount is gone")
	}
}

// Who connects without end has a few connections at a time, each for a while.
func TestManyConnections(t *testing.T) {
	d := startDaemon(t, ServeOptions{Connections: 3, RequestTimeout: 100 * time.Millisecond})
	before := d.openFDs()
	for range 20 {
		d.dial()
	}
	if _, err := handoff.Ask(soon(t), d.address, request("s", "plain")); err != nil {
		t.Error(err)
	}
	if now := d.openFDs(); now > before+3 {
		t.Errorf("the daemon has %d FDs, had %d", now, before)
	}
}

// A backend that hangs takes no more than its share of the daemon.
func TestManyAsks(t *testing.T) {
	d := startDaemon(t, ServeOptions{Asks: 1, OpenTimeout: 10 * time.Millisecond})
	_, err := handoff.Ask(soon(t), d.address, request("s", "hanging"))
	refusedAs(t, err, handoff.Unavailable, "within 10ms")
	_, err = handoff.Ask(soon(t), d.address, request("s", "plain"))
	refusedAs(t, err, handoff.Unavailable, "busy with 1 other")
	d.mount("s", "plain") // is another process's business
}

// The variable alone makes no worker.
func TestWorkerWithoutDaemon(t *testing.T) {
	path := socketPath(t)
	cmd := exec.Command("/proc/self/exe")
	cmd.Env = append(os.Environ(), daemonVariable+`={"Path":"`+path+`"}`, workerVariable+"="+path, "GORACE=atexit_sleep_ms=0")
	out, err := cmd.CombinedOutput()
	if err == nil || !strings.Contains(string(out), workerVariable) {
		t.Errorf("%v: %s", err, out)
	}
}
