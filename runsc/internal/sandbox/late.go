package sandbox

import (
	"fmt"
	"slices"
	"time"

	"github.com/directfs/runsc/directfspolicy"
	"github.com/directfs/runsc/runsc/internal/statedir"
	"github.com/directfs/runsc/runsc/internal/supervise"
	specs "github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"
	"gvisor.dev/gvisor/pkg/log"
	"gvisor.dev/gvisor/runsc/container"
)

// startTimeout is how long a container with volumes may take to start. A daemon
// that took the socket of a mount and does not serve it would keep the sandbox
// waiting for ever, and with it the client, who has the container locked: nobody
// else could kill or delete it.
const startTimeout = time.Minute

// hangUpTimeout is how long it may take to fail then. The sandbox process can wait
// for good for a server that ended, or pretends to have ended, while it made a
// channel of shared memory (pkg/lisafs/client.go, StartChannels and watchdog).
const hangUpTimeout = 10 * time.Second

// lateStart waits for a container to start.
type lateStart struct {
	stop, done chan struct{}
	late       bool
}

// watchStart tells the container's gofer to hang up if it is late. What the hooks
// of the engine's start take does not count, so that with these nobody watches.
func watchStart(root string, id statedir.ID, spec *specs.Spec, plan directfspolicy.Plan, held *supervise.Held) *lateStart {
	if !isWatched(spec, plan) {
		return nil
	}
	w := &lateStart{stop: make(chan struct{}), done: make(chan struct{})}
	go func() {
		defer close(w.done)
		select {
		case <-w.stop:
			return
		case <-time.After(startTimeout):
		}
		if status, err := statedir.Status(root, id); err != nil || status != container.Created {
			return
		}
		log.Warningf("The container takes longer than %v to start; its volumes are taken away", startTimeout)
		w.late = true
		held.Signal(supervise.Gofer, unix.SIGTERM)
		if plan.Container().Scope == directfspolicy.PodMember {
			return // the sandbox process is that of others too
		}
		select {
		case <-w.stop:
		case <-time.After(hangUpTimeout):
			held.Signal(supervise.Sandbox, unix.SIGKILL)
		}
	}()
	return w
}

// isWatched reports whether a container can be late because of its volumes.
func isWatched(spec *specs.Spec, plan directfspolicy.Plan) bool {
	return hasVolumes(plan) && (spec.Hooks == nil || len(spec.Hooks.Poststart) == 0)
}

func hasVolumes(plan directfspolicy.Plan) bool {
	return slices.ContainsFunc(plan.Decisions(), directfspolicy.Decision.ServedByVolume)
}

// end returns the error of the start with what the watch had to do with it.
func (w *lateStart) end(err error) error {
	if late := w.ended(); err != nil && late != nil {
		return fmt.Errorf("%w; %w", err, late)
	}
	return err
}

// ended ends the watch. It returns an error if the start was late.
func (w *lateStart) ended() error {
	if w == nil {
		return nil
	}
	close(w.stop)
	<-w.done
	if w.late {
		return fmt.Errorf("its volumes did not answer within %v: is a volume daemon stuck?", startTimeout)
	}
	return nil
}

// awaitStart watches the engine's command start the container, if it does. ended
// returns when the command is done.
func (c *creation) awaitStart() (ended func()) {
	if !c.starts || !isWatched(c.spec, c.plan) {
		return func() {}
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		if !c.awaitCreated() {
			return
		}
		late := watchStart(c.conf.RootDir, c.id, c.spec, c.plan, c.held)
		<-c.stop
		if err := late.ended(); err != nil {
			c.refused = err
		}
	}()
	return func() { <-done }
}

// awaitCreated waits for the engine to save the container's state, after which it
// starts it. It reports whether the container still has to start then.
func (c *creation) awaitCreated() bool {
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case <-c.stop:
			return false
		case <-tick.C:
		}
		if status, err := statedir.Status(c.conf.RootDir, c.id); err == nil && status != container.Creating {
			return status == container.Created
		}
	}
}
