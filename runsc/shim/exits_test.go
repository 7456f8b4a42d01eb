package main

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	runc "github.com/containerd/go-runc"
	"gvisor.dev/gvisor/pkg/shim/v1/proc"
)

// fakeReaper says of every command that it ended with its status.
type fakeReaper struct {
	exits  chan runc.Exit
	status int
}

func (r *fakeReaper) Start(*exec.Cmd) (chan runc.Exit, error)     { return nil, nil }
func (r *fakeReaper) Wait(*exec.Cmd, chan runc.Exit) (int, error) { return r.status, nil }
func (r *fakeReaper) Subscribe() chan runc.Exit                   { return r.exits }

// after runs a command that ends with the status, and returns how it ended for
// the shim, and what it printed.
func after(t *testing.T, e *exits, r *fakeReaper, status int, args ...string) (int, string) {
	t.Helper()
	var out bytes.Buffer
	r.status = status
	got, err := e.Wait(&exec.Cmd{Args: append([]string{"runsc", "--root=/r"}, args...), Stdout: &out}, nil)
	if err != nil {
		t.Fatal(err)
	}
	return got, out.String()
}

func TestExits(t *testing.T) {
	r := &fakeReaper{exits: make(chan runc.Exit)}
	told := make(chan proc.Exit, 2)
	e := watchExits(r, func(exit proc.Exit) { told <- exit })
	pidFile := filepath.Join(t.TempDir(), "init.pid")
	if err := os.WriteFile(pidFile, fmt.Append(nil, os.Getpid()), 0o644); err != nil {
		t.Fatal(err)
	}
	e.expect("first")
	after(t, e, r, 0, "create", "--bundle", "b", "--pid-file", pidFile, "first")
	after(t, e, r, 0, "create", "--bundle", "b", "--pid-file", pidFile, "member")
	start(t, e, r, 0, "first")
	r.exits <- runc.Exit{Pid: 1, Status: 9}
	r.exits <- runc.Exit{Pid: os.Getpid(), Status: 7}
	for _, tc := range []struct {
		id, out      string
		status, want int
	}{
		{"first", `{"id":"first","exitStatus":7}`, 128, 0},
		{"first", "", 0, 0}, // it has printed a status itself
		{"member", "", 128, 128},
		{"other", "", 128, 128},
	} {
		if got, out := after(t, e, r, tc.status, "wait", tc.id); got != tc.want || out != tc.out {
			t.Errorf("wait %s, status %d: got %d, %q, want %d, %q", tc.id, tc.status, got, out, tc.want, tc.out)
		}
	}
	if len(told) > 0 {
		t.Errorf("it is told of a container that is waited for: %v", <-told)
	}
	if got, out := after(t, e, r, 128, "state", "first"); got != 128 || out != "" {
		t.Errorf("another command: %d, %q", got, out)
	}
	after(t, e, r, 0, "delete", "first")
	if got, _ := after(t, e, r, 128, "wait", "first"); got != 128 || len(e.first) != 0 || len(e.running) != 0 {
		t.Errorf("after delete: %d, %v, %v", got, e.first, e.running)
	}
}

func start(t *testing.T, e *exits, r *fakeReaper, status int, id string) {
	t.Helper()
	if _, err := e.Start(&exec.Cmd{Args: []string{"runsc", "--root=/r", "start", id}}); err != nil {
		t.Fatal(err)
	}
	after(t, e, r, status, "start", id)
}

// The sandbox ends before the container runs: while it is created, before the
// start fails, or after that.
func TestExitsBeforeStart(t *testing.T) {
	pidFile := filepath.Join(t.TempDir(), "init.pid")
	if err := os.WriteFile(pidFile, fmt.Append(nil, os.Getpid()), 0o644); err != nil {
		t.Fatal(err)
	}
	for name, order := range map[string]func(start, end func()){
		"created":       func(_, end func()) { end() },
		"then it fails": func(start, end func()) { end(); start() },
		"it fails":      func(start, end func()) { start(); end() },
	} {
		t.Run(name, func(t *testing.T) {
			r := &fakeReaper{exits: make(chan runc.Exit)}
			told := make(chan proc.Exit, 2)
			e := watchExits(r, func(exit proc.Exit) { told <- exit })
			e.expect("c")
			after(t, e, r, 0, "create", "--pid-file", pidFile, "c")
			order(func() { start(t, e, r, 128, "c") }, func() {
				r.exits <- runc.Exit{Pid: os.Getpid(), Status: 137}
				r.exits <- runc.Exit{Pid: 1} // the one before is dealt with
			})
			if exit := <-told; exit.ID != "c" || exit.Status != 137 {
				t.Errorf("told %v", exit)
			}
		})
	}
}

// A sandbox ends while "start" runs, which fails because of that.
func TestExitsWhileStarting(t *testing.T) {
	r := &fakeReaper{exits: make(chan runc.Exit)}
	told := make(chan proc.Exit, 2)
	e := watchExits(r, func(exit proc.Exit) { told <- exit })
	pidFile := filepath.Join(t.TempDir(), "init.pid")
	if err := os.WriteFile(pidFile, fmt.Append(nil, os.Getpid()), 0o644); err != nil {
		t.Fatal(err)
	}
	e.expect("c")
	after(t, e, r, 0, "create", "--pid-file", pidFile, "c")
	if _, err := e.Start(&exec.Cmd{Args: []string{"runsc", "start", "c"}}); err != nil {
		t.Fatal(err)
	}
	r.exits <- runc.Exit{Pid: os.Getpid(), Status: 2}
	r.exits <- runc.Exit{Pid: 1}
	if len(told) > 0 {
		t.Errorf("told before start has failed: %v", <-told)
	}
	after(t, e, r, 128, "start", "c")
	if exit := <-told; exit.ID != "c" || exit.Status != 2 {
		t.Errorf("told %v", exit)
	}
}
