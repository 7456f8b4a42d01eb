package e2e

import (
	"fmt"
	"testing"

	"github.com/directfs/runsc/runsc/harness"
	"golang.org/x/sys/unix"
)

// A daemon that is stopped keeps waiting who wants a new mount, and nobody else.
func TestDaemonStopped(t *testing.T) {
	l := newLab(t)
	c := l.Serve(t, l.Bundle(t, mount("/v", "shelf"), harness.Args("serve")))
	pid := l.daemon.cmd.Process.Pid
	check(t, unix.Kill(pid, unix.SIGSTOP))
	defer func() { _ = unix.Kill(pid, unix.SIGCONT) }()
	created := make(chan error, 1)
	b, id := l.Bundle(t, mount("/v", "shelf"), harness.Args("serve")), l.ID()
	var late *harness.Container
	go func() {
		var err error
		late, err = l.Create(harness.Context(t), id, b)
		created <- err
	}()
	guest(t, c, "write", "/v/file", "text")
	l.expectObject(t, "file", "text\n")
	select {
	case err := <-created:
		t.Errorf("created while the daemon is stopped: %v", err)
	default:
	}
	check(t, unix.Kill(pid, unix.SIGCONT))
	check(t, <-created)
	l.Keep(t, late)
	check(t, late.Start(harness.Context(t)))
	expectGuest(t, late, "text", "cat", "/v/file")
	l.remove(t, late)
	l.remove(t, c)
	l.expectClean(t)
}

// A daemon that is to end serves its mounts for a while, and then uploads what is
// staged. The next one starts with what there is.
func TestDaemonRestarted(t *testing.T) {
	l := newLab(t)
	c := l.script(t, []string{"open f create /v/open", "write f text", "write f more", "close f", "end /v"}, mount("/v", "shelf"), mountDirectory)
	step(t, c, "ok")
	step(t, c, "ok")
	l.daemon.stop(t)
	l.expectObject(t, "open", "text")
	step(t, c, "EIO")
	step(t, c, "EIO")
	guest(t, c, "write", "/a/file", "goes on")
	if dirs := l.uses(t); len(dirs) > 0 {
		t.Errorf("left in the state directory: %q", dirs)
	}
	l.startDaemon(t)
	next := l.Serve(t, l.Bundle(t, mount("/v", "shelf"), harness.Args("serve")))
	expectGuest(t, next, "text", "cat", "/v/open")
	l.remove(t, c)
	l.remove(t, next)
	l.expectClean(t)
}

// Containers of a pod see each other's files at once, also what is not uploaded.
func TestPod(t *testing.T) {
	l := newLab(t)
	first := l.script(t, []string{"open f create /v/file", "write f first ", "cat /v/file", "close f", "end /v"}, mount("/v", "shelf"), harness.PodSandbox())
	second := l.script(t, []string{"cat /v/file", "open f append /v/file", "write f second", "close f", "end /v"},
		mount("/v", "shelf"), harness.PodMember(first.ID, "app"))
	l.daemon.worker(t) // both are served by it
	step(t, first, "ok")
	step(t, first, "ok")
	for _, want := range []string{"first", "ok", "ok"} {
		step(t, second, want)
	}
	step(t, first, "firstsecond")
	step(t, first, "ok")
	step(t, second, "ok")
	l.expectObject(t, "file", "firstsecond")
	l.remove(t, second)
	l.remove(t, first)
	l.expectClean(t)
}

// Two sandboxes that write to one object are noticed, by the second one that
// closes it. What it wrote stays in the state directory.
func TestTwoSandboxes(t *testing.T) {
	l := newLab(t)
	l.put(t, "shelf", "file", "old")
	steps := []string{"open f rw /v/file", "write f MINE", "close f", "cat /v/file"}
	first, second := l.script(t, steps, mount("/v", "shelf")), l.script(t, steps, mount("/v", "shelf"))
	if pids := l.daemon.workers(t); len(pids) != 2 {
		t.Errorf("workers are %v", pids)
	}
	for _, want := range []string{"ok", "ok"} {
		step(t, first, want)
		step(t, second, want)
	}
	step(t, first, "ok")
	step(t, second, "ESTALE")
	step(t, second, "MINE")
	l.remove(t, second)
	l.remove(t, first)
	l.daemon.awaitIdle(t)
	eventually(t, func() error {
		if dirs := l.uses(t); len(dirs) != 1 {
			return fmt.Errorf("the state directory has %q, want what the second sandbox wrote", dirs)
		}
		return nil
	})
}
