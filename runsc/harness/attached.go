package harness

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
)

// Attached is a runsc command in the foreground, and the container that it
// runs. The container's processes are the command's children, not ours.
type Attached struct {
	Container
	cmd *exec.Cmd
}

// Attach starts a command that runs a container until the container ends. The
// bundle says what the container mounts, for the checks; the command need not
// know it.
func (r *Runtime) Attach(ctx context.Context, b *Bundle, args ...string) (*Attached, error) {
	out, err := newOutput()
	if err != nil {
		return nil, err
	}
	a := &Attached{Container{Bundle: b, Stdout: out.stdout, Stderr: out.stderr, rt: r, out: out}, r.cmd(ctx, args...)}
	a.cmd.Stdout, a.cmd.Stderr = out.outEnd, out.errEnd
	return a, errors.Join(a.cmd.Start(), out.close())
}

// Find reads the ids and pids from the only state file in a directory, which
// is there once the container's process runs.
func (a *Attached) Find(root string) error {
	states, err := filepath.Glob(filepath.Join(root, "*.state"))
	if err != nil || len(states) != 1 {
		return fmt.Errorf("state files in %s: %q, %w", root, states, err)
	}
	data, err := readState(states[0])
	if err != nil {
		return err
	}
	return a.parse(data)
}

// Signal sends a signal to the command, which passes it on.
func (a *Attached) Signal(s os.Signal) error { return a.cmd.Process.Signal(s) }

// Exited waits for the end of the command itself. What it started is this
// process's by then.
func (a *Attached) Exited(ctx context.Context) error { return waitGone(ctx, a.cmd.Process.Pid) }

// End waits for the end of the command and of all that it has started, and
// returns the exit code.
func (a *Attached) End(ctx context.Context) (int, error) {
	err := errors.Join(a.Stdout.wait(ctx), a.Stderr.wait(ctx))
	if err != nil {
		return 0, errors.Join(err, a.cmd.Process.Kill(), a.cmd.Wait())
	}
	var exit *exec.ExitError
	if err := a.cmd.Wait(); err != nil && !errors.As(err, &exit) {
		return 0, err
	}
	return a.cmd.ProcessState.ExitCode(), nil
}

// Adopt takes over a container that another command left running, from the
// state directory. Its output is elsewhere.
func (r *Runtime) Adopt(id string, b *Bundle) (*Container, error) {
	out, err := newOutput()
	if err != nil {
		return nil, err
	}
	c := &Container{ID: id, Bundle: b, Stdout: out.stdout, Stderr: out.stderr, rt: r, out: out}
	return c, errors.Join(out.close(), c.adopt())
}
