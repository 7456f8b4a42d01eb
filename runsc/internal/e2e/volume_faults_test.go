package e2e

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/directfs/runsc/runsc/harness"
	"golang.org/x/sys/unix"
)

// step makes a guest that runs a script take its next step.
func step(t *testing.T, c *harness.Container, want string) {
	t.Helper()
	check(t, c.Kill(harness.Context(t), "USR1"))
	expectLine(t, c, want)
}

// When a daemon dies, its mounts answer EIO at once, and everything else goes
// on.
func TestDaemonKilled(t *testing.T) {
	l := newDaemonLab(t)
	c := l.Serve(t, l.Bundle(t, l.mount(t, "/v", "host", "v"), harness.Mount("/a"), harness.Mount("/b", "rw", "directfs=off"), harness.Args("script",
		"open f create /v/file", "write f before", "sync f", "cat /v/file", "write f after", "list /v", "open g create /a/file", "open h create /b/file")))
	expectLine(t, c, "ready")
	for _, want := range []string{"ok", "ok", "ok", "before"} {
		step(t, c, want)
	}
	l.daemon.end(t, unix.SIGKILL)
	for _, want := range []string{"EIO", "EIO", "ok", "ok"} {
		step(t, c, want)
	}
	if got, err := os.ReadFile(filepath.Join(l.dir, "v", "file")); err != nil || string(got) != "before" {
		t.Errorf("the volume has %q, %v", got, err)
	}
}

// lateCalls are the two FIFOs of a late volume.
type lateCalls struct{ at, proceed *os.File }

func newLateCalls(t *testing.T, l *volumeLab, name string) lateCalls {
	t.Helper()
	open := func(path string) *os.File {
		check(t, unix.Mkfifo(path, 0o600))
		f, err := os.OpenFile(path, os.O_RDWR, 0)
		check(t, err)
		t.Cleanup(func() { f.Close() })
		return f
	}
	path := filepath.Join(l.dir, name)
	return lateCalls{open(path + ".at"), open(path + ".go")}
}

// await waits until a call is in the backend.
func (c lateCalls) await(t *testing.T) {
	t.Helper()
	check(t, c.at.SetReadDeadline(time.Now().Add(harness.Deadline)))
	_, err := c.at.Read(make([]byte, 1))
	check(t, err)
}

// release lets a call return.
func (c lateCalls) release(t *testing.T) {
	t.Helper()
	_, err := c.proceed.Write(make([]byte, 1))
	check(t, err)
}

// A call that takes too long is an error in time, for as long as the backend
// sleeps and not longer, and meanwhile other calls and mounts are served.
func TestSlowVolume(t *testing.T) {
	l := newDaemonLab(t)
	calls := newLateCalls(t, l, "v")
	c := l.Serve(t, l.Bundle(t, l.mount(t, "/v", "late", "v"), l.mount(t, "/w", "host", "w"), harness.Args("script",
		"cat /v/slow", "open f create /v/file", "open g create /w/file", "cat /v/slow")))
	expectLine(t, c, "ready")
	for _, want := range []string{"ETIMEDOUT", "ok", "ok"} {
		step(t, c, want)
	}
	calls.await(t) // the first one, which still sleeps
	calls.release(t)
	calls.release(t)
	step(t, c, "ENOENT")
}

// A mount that waits for its backend does not keep other mounts of the gofer
// from renaming.
func TestSlowVolumeHoldsUpNoOther(t *testing.T) {
	servedBoth(t, func(t *testing.T, l *volumeLab) {
		calls := newLateCalls(t, l, "v")
		c := l.Serve(t, l.Bundle(t, l.mount(t, "/v", "late", "v"), l.mount(t, "/w", "host", "w"), harness.Mount("/b", "rw", "directfs=off"), harness.Args("serve")))
		slow := make(chan harness.Result, 1)
		go func() {
			r, _ := c.Exec(harness.Context(t), "try", "read", "/v/slow")
			slow <- r
		}()
		calls.await(t)
		checkOpsIn(t, c, "/w", "/b")
		calls.release(t)
		<-slow
		stop(t, l.Lab, c)
	})
}

// A worker that is stopped keeps those waiting who call it, and nobody else; the
// container can be ended.
func TestWorkerStopped(t *testing.T) {
	l := newDaemonLab(t)
	c := l.Serve(t, l.Bundle(t, l.mount(t, "/v", "host", "v"), harness.Mount("/a"), harness.Mount("/b", "rw", "directfs=off"), harness.Args("serve", "/a")))
	worker := l.daemon.workers(t)
	if len(worker) != 1 {
		t.Fatalf("workers are %v", worker)
	}
	check(t, unix.Kill(worker[0], unix.SIGSTOP))
	defer func() { _ = unix.Kill(worker[0], unix.SIGCONT) }()
	stuck := make(chan struct{})
	go func() {
		_, _ = c.Exec(harness.Context(t), "list", "/v")
		close(stuck)
	}()
	other := l.Serve(t, l.Bundle(t, l.mount(t, "/v", "host", "w"), harness.Args("serve", "/v")))
	checkOps(t, other.Bundle, readReport(t, other))
	checkOpsIn(t, c, "/a", "/b")
	stop(t, l.Lab, other)
	check(t, c.Delete(harness.Context(t)))
	l.CheckGone(t, c.ID)
	<-stuck
}

// workers are the daemon's processes that are there now, one for each sandbox.
func (d *volumeDaemon) workers(t *testing.T) (pids []int) {
	t.Helper()
	entries, err := os.ReadDir("/proc")
	check(t, err)
	for _, e := range entries {
		status, err := os.ReadFile("/proc/" + e.Name() + "/status")
		if err != nil {
			continue
		}
		if strings.Contains(string(status), "\nPPid:\t"+strconv.Itoa(d.cmd.Process.Pid)+"\n") {
			pid, err := strconv.Atoi(e.Name())
			check(t, err)
			pids = append(pids, pid)
		}
	}
	return pids
}
