package sandbox

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/directfs/runsc/directfspolicy"
	"github.com/directfs/runsc/runsc/internal/statedir"
	"github.com/directfs/runsc/runsc/internal/supervise"
	"gvisor.dev/gvisor/pkg/urpc"
	"gvisor.dev/gvisor/runsc/container"
)

// patience is how long to wait for processes that are about to end.
const patience = 2 * time.Second

// hold takes hold of the processes of a container that another client created.
func hold(c *container.Container) *supervise.Held {
	var all []supervise.Process
	if c.Sandbox != nil {
		all = append(all, supervise.Process{Kind: supervise.Sandbox, PID: c.Sandbox.Getpid()})
	}
	isGone := func(pid int) bool { return statedir.HasEnded(c, pid) }
	return supervise.Hold(isGone, append(all, supervise.Process{Kind: supervise.Gofer, PID: c.GoferPid.Load()})...)
}

// holdSandbox takes hold of the processes of the sandbox that a container joins.
func holdSandbox(root string, id statedir.ID) *supervise.Held {
	id.ContainerID = id.SandboxID
	c, err := container.Load(root, id, container.LoadOpts{Exact: true, SkipCheck: true})
	if err != nil {
		return nil // the engine says so
	}
	return hold(c)
}

// reasons returns what is known of the processes after a command has failed
// with an error.
func (c *creation) reasons(err string) []string {
	if c.plan.Container().Scope == directfspolicy.PodMember {
		return c.held.Reasons(0)
	}
	lost := lostSandbox(err)
	// What the engine leaves ends when the connections do.
	own := c.held.OwnReasons(lost)
	said := c.children.Reasons(patience)
	if kind, ok := c.silent(said); ok && lost {
		own = append(own, endedSilently(kind))
	}
	return unlessSaid(said, own)
}

func endedSilently(kind supervise.Kind) string {
	return fmt.Sprintf("%s process: it ended before it could say why; the container's limits of memory or processes may be too low", kind)
}

// silent is the process that ended before it said hello, if the sandbox process
// has ended. That one may have been killed before the gofer said hello, or have
// said that it waits for the gofer.
func (c *creation) silent(said []string) (supervise.Kind, bool) {
	if !c.held.Has(supervise.Sandbox) {
		return supervise.Sandbox, true
	}
	return supervise.Gofer, len(said) > 0 && !c.held.Has(supervise.Gofer)
}

// unlessSaid adds to what processes said how those ended that said nothing.
func unlessSaid(said, ended []string) []string {
	kind := func(line string) string { kind, _, _ := strings.Cut(line, " "); return kind }
	for _, line := range ended {
		if !slices.ContainsFunc(said, func(s string) bool { return kind(s) == kind(line) }) {
			said = append(said, line)
		}
	}
	return said
}

// lostSandbox reports whether the engine's error is that its connection to the
// sandbox process ended: the pipe on which it waits for that process to come up
// (runsc/sandbox/sandbox.go:389), or the control socket. That is one line; of a
// hook that failed, the error has more, and ends with what the hook said.
func lostSandbox(err string) bool {
	return !strings.Contains(err, "\n") && slices.ContainsFunc([]string{"waiting for sandbox to start: EOF", `" failed: EOF`, "connection refused", "connection reset by peer"},
		func(end string) bool { return strings.HasSuffix(err, end) })
}

// whyEnded says of processes that ended, and for which a command failed, what
// is known. The engine only sees that its connection ended.
func whyEnded(h *supervise.Held, c *container.Container, err error) []string {
	if c.Sandbox == nil || answers(c, err) {
		return h.Reasons(0)
	}
	return h.Reasons(patience)
}

// answers reports whether the sandbox process is there: the error may be its
// own, or of something else.
func answers(c *container.Container, err error) bool {
	if isRemote(err) {
		return true
	}
	_, err = c.Sandbox.ContainerRuntimeState(c.ID)
	return err == nil || isRemote(err)
}

// isRemote reports whether an error is the sandbox process's.
func isRemote(err error) bool {
	var remote urpc.RemoteError
	return errors.As(err, &remote)
}

// patienceWith is how long to wait for the end of a gofer that an error may be
// about. If the sandbox process blames it, it has ended before; if it blames
// something else, the gofer goes on.
func patienceWith(err error) time.Duration {
	if isRemote(err) {
		return 0
	}
	return patience
}

// because adds to an error what is known of the processes that are to blame.
func because(err error, reasons []string) error {
	if len(reasons) == 0 {
		return err
	}
	return fmt.Errorf("%w; %s", err, strings.Join(reasons, "; "))
}

// endUnstarted ends a sandbox process that could not start its first container,
// for which it only waits to exit: two seconds, so that the error gets here
// (runsc/boot/loader.go:1224). containerd's shim for runc calls the container
// created until then, and an engine that gives it up at once, such as docker,
// cannot delete it and leaves all of it behind.
func endUnstarted(h *supervise.Held, err error) {
	if isRemote(err) && strings.Contains(err.Error(), "starting sandbox: ") { // runsc/boot/controller.go:313
		h.Kill(supervise.Sandbox, patience)
	}
}
