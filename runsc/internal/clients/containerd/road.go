package containerd

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/directfs/runsc/runsc/internal/clients/lab"
	"github.com/directfs/runsc/runsc/internal/clients/suite"
)

// Road is a way by which ctr gets a container to the runtime: through a shim.
type Road struct {
	*Daemon

	// Options are those of "ctr run" for the shim, Shim the name of its process.
	Options []string
	Shim    string

	// NoUser: "ctr run" has no --user.
	NoUser bool
}

// GVisor is the road through this runtime's shim, with flags for the runtime.
func (d *Daemon) GVisor(flags map[string]string) *Road {
	config := d.Configure(Handler{Name: fmt.Sprintf("ctr%d", counter.Add(1)), Flags: flags})
	return &Road{Daemon: d, Options: []string{"--runtime", "io.containerd.runsc.v1", "--runtime-config-path", config}, Shim: "containerd-shim-runsc-v1"}
}

// Runc is the road through runc's shim, which takes no flags for the runtime.
func (d *Daemon) Runc() *Road {
	return &Road{Daemon: d, Options: []string{"--runtime", "io.containerd.runc.v2", "--runc-binary", d.Runsc}, Shim: "containerd-shim-runc-v2"}
}

func (r *Road) gvisor() bool { return r.Shim == "containerd-shim-runsc-v1" }

var counter atomic.Int64

// ID makes an id for a container.
func (r *Road) ID() string { return fmt.Sprintf("c%d", counter.Add(1)) }

// runArgs are the arguments of ctr for a container. The image's place is the
// first argument that is "IMAGE"; without one the arguments are the container's
// command.
func (r *Road) runArgs(id string, args []string) []string {
	options, command := []string{}, args
	for i, a := range args {
		if a == "IMAGE" {
			options, command = args[:i], args[i+1:]
			break
		}
	}
	all := append([]string{"run"}, r.Options...)
	return append(append(append(all, options...), ImageName, id), command...)
}

// Run runs a container to its end and removes it.
func (r *Road) Run(args ...string) lab.Result {
	return r.Ctr(r.runArgs(r.ID(), append([]string{"--rm"}, markImage(args)...))...)
}

func markImage(args []string) []string {
	for _, a := range args {
		if a == "IMAGE" {
			return args
		}
	}
	return append([]string{"IMAGE"}, args...)
}

// Ctr runs a command of ctr. What it says about the machine's cgroups is not in
// the result.
func (d *Daemon) Ctr(args ...string) lab.Result {
	r := d.Try("ctr", args...)
	var lines []string
	for line := range strings.Lines(r.Stderr) {
		if !strings.Contains(line, "DEPRECATION") {
			lines = append(lines, line)
		}
	}
	r.Stderr = strings.Join(lines, "")
	return r
}

// Do runs a command of ctr, fails the test if it fails, and returns what it
// wrote to stdout.
func (d *Daemon) Do(tb testing.TB, args ...string) string {
	tb.Helper()
	r := d.Ctr(args...)
	if r.Code != 0 {
		tb.Fatalf("ctr %s: %+v", strings.Join(args, " "), r)
	}
	return r.Stdout
}

// Start starts a container in the background. It is removed at the test's end.
func (r *Road) Start(tb testing.TB, args ...string) string {
	tb.Helper()
	id := r.ID()
	r.Do(tb, r.runArgs(id, append([]string{"-d", "--null-io"}, markImage(args)...))...)
	tb.Cleanup(func() { r.Remove(id) })
	return id
}

// Remove removes a container, whatever its state.
func (d *Daemon) Remove(id string) {
	d.Ctr("task", "rm", "-f", id)
	d.Ctr("container", "rm", id)
}

// Exec runs a command in a container.
func (d *Daemon) Exec(id string, args ...string) lab.Result {
	return d.Ctr(append([]string{"task", "exec", "--exec-id", fmt.Sprintf("e%d", counter.Add(1)), id}, args...)...)
}

// State is the state of a container's task, such as RUNNING, "" without one.
func (d *Daemon) State(tb testing.TB, id string) string {
	tb.Helper()
	for line := range strings.Lines(d.Do(tb, "task", "ls")) {
		if f := strings.Fields(line); len(f) == 3 && f[0] == id {
			return f[2]
		}
	}
	return ""
}

// Await waits for a state of a container.
func (d *Daemon) Await(tb testing.TB, id, state string) {
	tb.Helper()
	lab.Eventually(tb, "state of "+id, func() error {
		if got := d.State(tb, id); got != state {
			return fmt.Errorf("it is %q, not %q", got, state)
		}
		return nil
	})
}

// Sandbox is the PID of a container's sandbox process.
func (r *Road) Sandbox(tb testing.TB, id string) int {
	tb.Helper()
	return suite.Process(tb, "runsc-sandbox", id)
}

// Foreground is a client that waits for its container.
type Foreground struct {
	ID     string
	Cmd    *exec.Cmd
	Output *bytes.Buffer
	cancel context.CancelFunc
}

// Foreground starts a client that waits for its container.
func (r *Road) Foreground(tb testing.TB, args ...string) *Foreground {
	tb.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), lab.Deadline)
	f := &Foreground{ID: r.ID(), Output: &bytes.Buffer{}, cancel: cancel}
	f.Cmd = r.Command(ctx, "ctr", r.runArgs(f.ID, append([]string{"--rm"}, markImage(args)...))...)
	f.Cmd.Stdout, f.Cmd.Stderr = f.Output, f.Output
	if err := f.Cmd.Start(); err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { f.cancel(); r.Remove(f.ID) })
	return f
}

// Wait returns the client's exit code.
func (f *Foreground) Wait() int {
	defer f.cancel()
	var exit *exec.ExitError
	if err := f.Cmd.Wait(); err != nil && !errors.As(err, &exit) {
		return -1
	}
	return f.Cmd.ProcessState.ExitCode()
}

// fifos are the directories in which a client has the streams of a container.
func fifos(id string) []string {
	var dirs []string
	found, _ := filepath.Glob("/run/containerd/fifo/*/" + id + "-*") // the pattern is right
	for _, f := range found {
		if dir := filepath.Dir(f); !slices.Contains(dirs, dir) {
			dirs = append(dirs, dir)
		}
	}
	return dirs
}

// kill ends a process as a crash would.
func kill(tb testing.TB, pid int) {
	tb.Helper()
	if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
		tb.Fatal(err)
	}
}
