package sandbox

import (
	"errors"
	"fmt"
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

// reasons returns what is known of the processes after a command has failed.
func (c *creation) reasons() []string {
	said := c.children.Reasons(patience)
	if c.plan.Container().Scope == directfspolicy.PodMember {
		return append(said, c.held.Reasons(0)...)
	}
	return append(said, c.held.OwnReasons()...)
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
