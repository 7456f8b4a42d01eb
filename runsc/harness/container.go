package harness

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/directfs/runsc/runsc/internal/e2e/guest/report"
	specs "github.com/opencontainers/runtime-spec/specs-go"
)

// Container is a container that was created or restored and whose processes
// this process now waits for.
type Container struct {
	ID     string
	Bundle *Bundle

	// Stdout and Stderr are what the container's process writes. Stderr also
	// has what runsc said when it created the container.
	Stdout, Stderr *Stream

	// SandboxPID is the sandbox process, GoferPID this container's gofer, 0
	// while a container that joins a sandbox is not started.
	SandboxPID, GoferPID int

	rt        *Runtime
	out       output
	restored  bool
	sandboxID string
	sandbox   *process // nil for a container that joined a sandbox
	gofer     *process // nil for one that joined and was not started
}

// Create makes the container but does not start its process. If runsc refuses,
// the error has its exit code and words; see [*RefusedError].
func (r *Runtime) Create(ctx context.Context, id string, b *Bundle) (*Container, error) {
	return r.launch(ctx, id, b, "create", "--bundle="+b.Dir, id)
}

// RunDetached is Create and Start in one command, which does not wait for the
// container's process.
func (r *Runtime) RunDetached(ctx context.Context, id string, b *Bundle) (*Container, error) {
	return r.launch(ctx, id, b, "run", "--detach", "--bundle="+b.Dir, id)
}

// RefusedError says that runsc did not create or start a container.
type RefusedError struct{ Result }

func (e *RefusedError) Error() string { return e.Err().Error() }

// launch runs a command that creates the container.
func (r *Runtime) launch(ctx context.Context, id string, b *Bundle, args ...string) (*Container, error) {
	out, err := newOutput()
	if err != nil {
		return nil, err
	}
	c := &Container{ID: id, Bundle: b, Stdout: out.stdout, Stderr: out.stderr, rt: r, out: out}
	if err := c.hand(ctx, args...); err != nil {
		return nil, err
	}
	if err := c.adopt(); err != nil {
		return nil, errors.Join(err, out.close())
	}
	// A joining container gets its gofer, and its output, when it starts.
	if c.gofer != nil {
		err = out.close()
	}
	return c, err
}

// hand runs a command that hands the container's output on to processes that
// stay. So the end of the command is not the end of the output.
func (c *Container) hand(ctx context.Context, args ...string) error {
	cmd := c.rt.cmd(ctx, args...)
	cmd.Stdout, cmd.Stderr = c.out.outEnd, c.out.errEnd
	err := cmd.Run()
	if err == nil {
		return nil
	}
	if err := errors.Join(c.out.close(), c.Stdout.wait(ctx), c.Stderr.wait(ctx)); err != nil {
		return fmt.Errorf("runsc %s: failed, but left a process: %w", args[0], err)
	}
	refused := &RefusedError{Result{c.Stdout.Text(), c.Stderr.Text(), cmd.ProcessState.ExitCode()}}
	return fmt.Errorf("runsc %s: %w", args[0], refused)
}

// adopt finds the processes in the state file and waits for them from now on.
// A container that joined a sandbox brings a gofer, but no sandbox process.
func (c *Container) adopt() error {
	data, err := c.rt.stateFile(c.ID)
	if err != nil {
		return err
	}
	if err := c.parse(data); err != nil {
		return err
	}
	if c.GoferPID != 0 {
		if c.gofer, err = adopt(c.GoferPID); err != nil {
			return fmt.Errorf("gofer of %s: %w", c.ID, err)
		}
	}
	if c.sandboxID != c.ID {
		return nil
	}
	if c.sandbox, err = adopt(c.SandboxPID); err != nil {
		return fmt.Errorf("sandbox of %s: %w", c.ID, err)
	}
	return nil
}

// parse takes the ids and pids from the container's state file.
func (c *Container) parse(state []byte) error {
	var st struct {
		ID       string `json:"id"`
		GoferPid int    `json:"goferPid"`
		Sandbox  struct {
			ID  string `json:"id"`
			Pid int    `json:"pid"`
		} `json:"sandbox"`
	}
	if err := json.Unmarshal(state, &st); err != nil {
		return fmt.Errorf("parse state of %s: %w", c.ID, err)
	}
	c.ID, c.sandboxID = st.ID, st.Sandbox.ID
	c.SandboxPID, c.GoferPID = st.Sandbox.Pid, st.GoferPid
	return nil
}

// Start starts the container's process. For a container that joins a sandbox
// it is this command that starts the gofer and hands over the output; if runsc
// refuses that, the error is a [*RefusedError].
func (c *Container) Start(ctx context.Context) error {
	if c.gofer != nil {
		_, err := c.rt.must(ctx, "start", c.ID)
		return err
	}
	if err := c.hand(ctx, "start", c.ID); err != nil {
		return err
	}
	return errors.Join(c.out.close(), c.adopt())
}

// State asks runsc for the state (runtime-spec, runtime.md, "query state").
func (c *Container) State(ctx context.Context) (specs.State, error) {
	var s specs.State
	res, err := c.rt.must(ctx, "state", c.ID)
	if err != nil {
		return s, err
	}
	return s, json.Unmarshal([]byte(res.Stdout), &s)
}

// Exec runs the guest with arguments in the container.
func (c *Container) Exec(ctx context.Context, args ...string) (Result, error) {
	return c.rt.Command(ctx, append([]string{"exec", c.ID, GuestPath}, args...)...)
}

// Kill sends a signal, by name or number, to the container's process. A guest
// writes its first line when its signal handlers are in place, and Kill waits
// for that; a guest that was restored has them.
func (c *Container) Kill(ctx context.Context, signal string) error {
	if !c.restored {
		if err := c.Stdout.awaitWord(ctx); err != nil {
			return fmt.Errorf("no word from %s before signal %s: %w: %s", c.ID, signal, err, c.Stderr.Text())
		}
	}
	_, err := c.rt.must(ctx, "kill", c.ID, signal)
	return err
}

// Wait waits for the container's process and returns its exit code. A sandbox
// ends with its first container and has the same exit code, which only its
// parent can still ask for; "runsc wait" would come too late.
func (c *Container) Wait(ctx context.Context) (int, error) {
	if c.sandbox != nil {
		return c.sandbox.wait(ctx)
	}
	res, err := c.rt.must(ctx, "wait", c.ID)
	if err != nil {
		return 0, err
	}
	var status struct {
		ExitStatus int `json:"exitStatus"`
	}
	if err := json.Unmarshal([]byte(res.Stdout), &status); err != nil {
		return 0, fmt.Errorf("parse wait status %q: %w", res.Stdout, err)
	}
	return status.ExitStatus, nil
}

// Delete removes the container, by force if it still runs, and waits until its
// gofer and, if it is its own, its sandbox are gone.
func (c *Container) Delete(ctx context.Context) error {
	_, err := c.rt.must(ctx, "delete", "--force", c.ID)
	errs := []error{err, c.out.close()}
	for _, p := range []*process{c.sandbox, c.gofer} {
		if p != nil {
			_, err := p.wait(ctx)
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}

// Stop ends a guest that serves: SIGTERM, exit code 0, delete.
func (c *Container) Stop(ctx context.Context) error {
	if err := c.Kill(ctx, "TERM"); err != nil {
		return errors.Join(err, c.Delete(ctx))
	}
	code, err := c.Wait(ctx)
	if err == nil && code != 0 {
		err = fmt.Errorf("%s exited with %d: %s", c.ID, code, c.Stderr.Text())
	}
	return errors.Join(err, c.Delete(ctx))
}

// Report reads the next line of output as the guest's report.
func (c *Container) Report(ctx context.Context) (report.Report, error) {
	var r report.Report
	line, err := c.Stdout.Line(ctx)
	if err != nil {
		return r, fmt.Errorf("no report from %s: %w: %s", c.ID, err, c.Stderr.Text())
	}
	if err := json.Unmarshal([]byte(line), &r); err != nil {
		return r, fmt.Errorf("parse report %q: %w", line, err)
	}
	return r, nil
}
