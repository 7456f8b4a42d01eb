package harness

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/directfs/runsc/runsc/internal/e2e/guest/report"
)

func TestRunReportsAndPassesTheExitCodeOn(t *testing.T) {
	l := NewLab(t)
	b := l.Bundle(t, Mount("/data"), Args("report", "/", "/data"))
	res, err := l.Run(Context(t), l.ID(), b)
	if err != nil {
		t.Fatal(err)
	}
	if err := res.Err(); err != nil {
		t.Fatal(err)
	}
	for _, d := range b.Binds() {
		kept, err := os.ReadFile(filepath.Join(b.Source(d), report.KeptName))
		if err != nil || string(kept) != report.KeptText {
			t.Errorf("host's view of what the guest kept in %s: %q, %v", d, kept, err)
		}
	}
	res, err = l.Run(Context(t), l.ID(), l.Bundle(t, Args("exit", "7")))
	if err != nil || res.ExitCode != 7 {
		t.Errorf("got %+v, %v, want exit code 7", res, err)
	}
}

func TestLifeOfAServingContainer(t *testing.T) {
	l := NewLab(t)
	ctx := Context(t)
	b := l.Bundle(t, Mount("/data"), Args("serve", "/data"))
	c := l.Serve(t, b)
	r, err := c.Report(ctx)
	if err != nil {
		t.Fatal(err)
	}
	if len(r.Ops) != 1 || !r.Ops[0].OK {
		t.Errorf("operations: %+v", r.Ops)
	}
	if m, ok := r.Mount("/data"); !ok || m.Type != report.GoferType {
		t.Errorf("mount /data is %+v, %v", m, ok)
	}
	state, err := c.State(ctx)
	if err != nil || state.Pid != c.SandboxPID {
		t.Errorf("state is %+v, %v; want pid %d", state, err, c.SandboxPID)
	}
	res, err := c.Exec(ctx, "cat", "/data/"+report.KeptName)
	if err != nil || res.Stdout != report.KeptText {
		t.Errorf("exec cat: %+v, %v", res, err)
	}
	if err := c.Stop(ctx); err != nil {
		t.Error(err)
	}
	l.CheckGone(t, c.ID)
}

func TestCreateRefused(t *testing.T) {
	l := NewLab(t)
	b := l.Bundle(t, Args("serve"))
	if err := os.WriteFile(filepath.Join(b.Dir, "config.json"), []byte("{"), 0o644); err != nil {
		t.Fatal(err)
	}
	_, err := l.Create(Context(t), l.ID(), b)
	var refused *RefusedError
	if !errors.As(err, &refused) || refused.ExitCode == 0 || refused.Stderr == "" {
		t.Errorf("got %v, want a RefusedError with what runsc said", err)
	}
}

func TestPod(t *testing.T) {
	l := NewLab(t)
	ctx := Context(t)
	pause := l.Serve(t, l.Bundle(t, PodSandbox(), Args("serve")))
	member := l.Serve(t, l.Bundle(t, PodMember(pause.ID, "app"), Mount("/data"), Args("serve", "/", "/data")))
	if pause.SandboxPID != member.SandboxPID || pause.GoferPID == member.GoferPID {
		t.Errorf("pids of sandbox %d and %d, of gofers %d and %d: want one sandbox, two gofers",
			pause.SandboxPID, member.SandboxPID, pause.GoferPID, member.GoferPID)
	}
	if r, err := member.Report(ctx); err != nil || !r.Ops[1].OK {
		t.Errorf("report of the member: %+v, %v", r, err)
	}
	for _, c := range []*Container{member, pause} {
		if err := c.Stop(ctx); err != nil {
			t.Error(err)
		}
		l.CheckGone(t, c.ID)
	}
}

func TestCheckpointAndRestore(t *testing.T) {
	l := NewLab(t)
	ctx := Context(t)
	b := l.Bundle(t, Mount("/data"), Args("counter", "/data/lines"))
	c := l.Serve(t, b)
	expectLine(t, c, "0")
	count(t, c, "1")
	image := filepath.Join(b.Dir, "image")
	if err := os.Mkdir(image, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := c.Checkpoint(ctx, image); err != nil {
		t.Fatal(err)
	}
	if err := c.Delete(ctx); err != nil {
		t.Fatal(err)
	}
	restored, err := l.Restore(ctx, l.ID(), b, image)
	if err != nil {
		t.Fatal(err)
	}
	count(t, restored, "2")
	lines, err := os.ReadFile(filepath.Join(b.Source("/data"), "lines"))
	if err != nil || string(lines) != "line 1\nline 2\n" {
		t.Errorf("file after restore: %q, %v", lines, err)
	}
	if err := restored.Stop(ctx); err != nil {
		t.Error(err)
	}
	l.CheckGone(t, restored.ID)
}

func count(t *testing.T, c *Container, line string) {
	t.Helper()
	if err := c.Kill(Context(t), "USR1"); err != nil {
		t.Fatal(err)
	}
	expectLine(t, c, line)
}

func expectLine(t *testing.T, c *Container, want string) {
	t.Helper()
	got, err := c.Stdout.Line(Context(t))
	if err != nil || got != want {
		t.Fatalf("%s printed %q, %v, want %q; stderr: %s", c.ID, got, err, want, c.Stderr.Text())
	}
}

// A signal that comes before the guest's handler is there would end it. Kill
// waits for its first line, whoever reads that and whether anybody does.
func TestKillWaitsForTheFirstLine(t *testing.T) {
	s, w, err := newStream()
	if err != nil {
		t.Fatal(err)
	}
	silent, cancel := context.WithCancel(t.Context())
	cancel()
	c := &Container{ID: "silent", Stdout: s, Stderr: s}
	if err := c.Kill(silent, "TERM"); !errors.Is(err, context.Canceled) || !strings.Contains(err.Error(), "no word from silent") {
		t.Errorf("a signal for a silent guest: %v", err)
	}
	if _, err := w.WriteString("ready\n"); err != nil {
		t.Fatal(err)
	}
	if err := s.awaitWord(Context(t)); err != nil {
		t.Error(err)
	}
	if line, err := s.Line(Context(t)); err != nil || line != "ready" {
		t.Errorf("the line is %q, %v", line, err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	// One that ended without a word is not waited for.
	s, w, err = newStream()
	if err == nil {
		err = w.Close()
	}
	if err == nil {
		err = s.awaitWord(Context(t))
	}
	if err != nil {
		t.Error(err)
	}
}

func TestLogs(t *testing.T) {
	l := NewLab(t)
	l.LogDir = filepath.Join(l.Dir, "b-logs")
	if err := os.Mkdir(l.LogDir, 0o755); err != nil {
		t.Fatal(err)
	}
	c := l.Serve(t, l.Bundle(t, Args("serve")))
	if log, err := l.Log(c.ID, "gofer"); err != nil || !strings.Contains(log, "gofer") {
		t.Errorf("gofer's log: %.200q, %v", log, err)
	}
	if err := c.Stop(Context(t)); err != nil {
		t.Error(err)
	}
}
