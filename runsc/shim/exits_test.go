package main

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	runc "github.com/containerd/go-runc"
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
	e := watchExits(r)
	pidFile := filepath.Join(t.TempDir(), "init.pid")
	if err := os.WriteFile(pidFile, fmt.Append(nil, os.Getpid()), 0o644); err != nil {
		t.Fatal(err)
	}
	e.expect("first")
	after(t, e, r, 0, "create", "--bundle", "b", "--pid-file", pidFile, "first")
	after(t, e, r, 0, "create", "--bundle", "b", "--pid-file", pidFile, "member")
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
	if got, out := after(t, e, r, 128, "state", "first"); got != 128 || out != "" {
		t.Errorf("another command: %d, %q", got, out)
	}
	after(t, e, r, 0, "delete", "first")
	if got, _ := after(t, e, r, 128, "wait", "first"); got != 128 || len(e.first) != 0 || len(e.running) != 0 {
		t.Errorf("after delete: %d, %v, %v", got, e.first, e.running)
	}
}
