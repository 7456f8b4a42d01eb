package sandbox

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/directfs/runsc/runsc/internal/statedir"
	"github.com/directfs/runsc/runsc/internal/supervise"
	"gvisor.dev/gvisor/pkg/urpc"
	"gvisor.dev/gvisor/runsc/container"
)

// hold takes hold of the processes of a container that another client created.
func hold(c *container.Container) *supervise.Held {
	var all []supervise.Process
	if c.Sandbox != nil {
		all = append(all, supervise.Process{Kind: supervise.Sandbox, PID: c.Sandbox.Getpid()})
	}
	isGone := func(pid int) bool { return statedir.HasEnded(c, pid) }
	return supervise.Hold(isGone, append(all, supervise.Process{Kind: supervise.Gofer, PID: c.GoferPid.Load()})...)
}

// whyEnded says of processes that ended, and for which a command failed, what
// is known. The engine only sees that its connection ended.
func whyEnded(h *supervise.Held, c *container.Container, err error) []string {
	const patience = 2 * time.Second
	if c.Sandbox == nil || answers(c, err) {
		return h.Reasons(0)
	}
	return h.Reasons(patience)
}

// answers reports whether the sandbox process is there: the error may be its
// own, or of something else.
func answers(c *container.Container, err error) bool {
	var remote urpc.RemoteError
	if errors.As(err, &remote) {
		return true
	}
	_, err = c.Sandbox.ContainerRuntimeState(c.ID)
	return err == nil || errors.As(err, &remote)
}

// because adds to an error what is known of the processes that are to blame.
func because(err error, reasons []string) error {
	if len(reasons) == 0 {
		return err
	}
	return fmt.Errorf("%w; %s", err, strings.Join(reasons, "; "))
}
