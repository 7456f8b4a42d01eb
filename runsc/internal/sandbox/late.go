package sandbox

import (
	"fmt"
	"slices"
	"time"

	"github.com/directfs/runsc/directfspolicy"
	"github.com/directfs/runsc/runsc/internal/statedir"
	"github.com/directfs/runsc/runsc/internal/supervise"
	"golang.org/x/sys/unix"
	"gvisor.dev/gvisor/pkg/log"
	"gvisor.dev/gvisor/runsc/container"
)

// startTimeout is how long a container with volumes may take to start. A daemon
// that took the socket of a mount and does not serve it would keep the sandbox
// waiting for ever, and with it the client, who has the container locked: nobody
// else could kill or delete it. Only restoring takes as long as it takes: the
// image may be large.
const startTimeout = time.Minute

// askTimeout is how long a sandbox may take to say what runs in it.
const askTimeout = 10 * time.Second

// hangUpTimeout is how long it may take to fail then. The sandbox process can wait
// for good for a server that ended, or pretends to have ended, while it made a
// channel of shared memory (pkg/lisafs/client.go, StartChannels and watchdog).
const hangUpTimeout = 10 * time.Second

// lateStart waits for a container to start.
type lateStart struct {
	limit      time.Duration
	stop, done chan struct{}
	late       bool
}

// watchStart tells the container's gofer to hang up if it is late. The time that
// poststart hooks take does not count.
func watchStart(limit time.Duration, root string, id statedir.ID, plan directfspolicy.Plan, held *supervise.Held) *lateStart {
	if limit == 0 || !hasVolumes(plan) {
		return nil
	}
	w := &lateStart{limit: limit, stop: make(chan struct{}), done: make(chan struct{})}
	go func() {
		defer close(w.done)
		select {
		case <-w.stop:
			return
		case <-time.After(limit):
		}
		if held.Ended(supervise.Sandbox) {
			return // nobody waits for volumes: poststart hooks run on, and a volume may still write
		}
		if status, err := statedir.Status(root, id); err != nil || status != container.Created || hasProcesses(root, id) {
			return
		}
		log.Warningf("The container takes longer than %v to start; its volumes are taken away", limit)
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

// hasVolumes reports whether a container can be late because of its volumes.
func hasVolumes(plan directfspolicy.Plan) bool {
	return slices.ContainsFunc(plan.Decisions(), directfspolicy.Decision.ServedByVolume)
}

// hasProcesses asks the sandbox whether a container has processes: then its
// mounts are there, even if poststart hooks keep the engine from saving so. A
// sandbox that does not answer has none.
func hasProcesses(root string, id statedir.ID) bool {
	s, err := statedir.Sandbox(root, id)
	if err != nil {
		return false
	}
	found := make(chan bool, 1)
	go func() {
		all, err := s.Processes(id.ContainerID)
		found <- err == nil && len(all) > 0
	}()
	select {
	case there := <-found:
		return there
	case <-time.After(askTimeout):
		return false
	}
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
		return fmt.Errorf("its volumes did not answer within %v: is a volume daemon stuck?", w.limit)
	}
	return nil
}

// awaitStart watches the engine's command start the container, if it does. ended
// returns when the command is done.
func (c *creation) awaitStart() (ended func()) {
	if !c.starts || !hasVolumes(c.plan) {
		return func() {}
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		if !c.awaitCreated() {
			return
		}
		late := watchStart(startTimeout, c.conf.RootDir, c.id, c.plan, c.held)
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
