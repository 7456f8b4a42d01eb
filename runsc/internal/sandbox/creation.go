package sandbox

import (
	"errors"
	"os"
	"time"

	"github.com/directfs/runsc/directfspolicy"
	"github.com/directfs/runsc/runsc/internal/engine"
	"github.com/directfs/runsc/runsc/internal/statedir"
	"github.com/directfs/runsc/runsc/internal/supervise"
	"github.com/google/subcommands"
	specs "github.com/opencontainers/runtime-spec/specs-go"
	"gvisor.dev/gvisor/pkg/log"
	"gvisor.dev/gvisor/runsc/cmd/util"
	"gvisor.dev/gvisor/runsc/config"
)

// creation is a container that a command of the engine creates. It supervises
// the processes that the command starts until the container's state and Plan
// are stored.
type creation struct {
	conf *config.Config

	// final, unless nil, is what the engine's command makes of conf before it
	// starts processes.
	final *config.Config

	id   statedir.ID
	spec *specs.Spec
	plan directfspolicy.Plan

	// show puts back what the engine had to be kept from seeing.
	show func()

	starts  bool     // the engine's command also starts the container
	late    bool     // the engine's command chooses the root directory or the id when it runs
	cgroups []string // those that are known to have been missing before
	own     bool     // the root directory is this command's own

	// decide, unless nil, says what is not known before the gofer, whose PID it
	// gets, has started: the container's id, its spec and its Plan. answer is
	// the Plan for the gofer.
	decide func(gofer int) error
	answer []byte

	// files are for the gofer, unless decide says what it needs.
	files *goferFiles

	// early are processes that were there before decide was called.
	early []supervise.Process

	// held are those that have said hello, or those of the sandbox to join.
	held *supervise.Held

	// refused is why the gofer got no plan, or no volumes.
	refused error

	since    time.Time // when this began
	claim    *os.File  // locked, in the root directory that is this command's own
	journal  *statedir.Creation
	children *supervise.Children
	started  chan struct{} // closed when the sandbox process runs
	stop     chan struct{} // closed when the engine's command is done
	watched  chan error    // the result of watch
}

// run runs the engine's command and returns its status. name is what its
// errors start with.
func (c *creation) run(name string, execute func() subcommands.ExitStatus) subcommands.ExitStatus {
	if err := c.begin(); err != nil {
		return util.Errorf("%s: %v", name, err)
	}
	code, said, failed := watchErrors(execute)
	err := c.end()
	if c.starts && c.files != nil && code == subcommands.ExitSuccess {
		err = errors.Join(err, completeRun(c.conf, c.id, c.files.report))
	}
	if err == nil && code == subcommands.ExitSuccess && !c.reported() {
		err = errSilent // it has come and gone, as in "run"
	}
	if code != subcommands.ExitSuccess {
		reasons := c.reasons(said)
		if c.refused != nil {
			reasons = append([]string{c.refused.Error()}, reasons...)
		}
		failed(reasons)
		err = errors.Join(err, c.abandon())
	} else if err == nil {
		err = c.journal.Abandon() // unless it came and went between two looks, this does nothing
	}
	c.children.Close()
	c.held.Close()
	c.claim.Close()
	err = errors.Join(err, statedir.Forget(c.conf.RootDir, c.id))
	if err == nil {
		return code
	}
	return util.Errorf("%s: %v", name, err)
}

func (c *creation) begin() error {
	c.since = time.Now()
	c.started, c.stop, c.watched = make(chan struct{}), make(chan struct{}), make(chan error, 1)
	if !c.late {
		if err := c.beginJournal(); err != nil {
			return err
		}
	}
	// A container that joins a sandbox starts no process until it is started.
	if c.plan.Container().Scope == directfspolicy.PodMember {
		c.held = holdSandbox(c.conf.RootDir, c.id)
	} else {
		c.held = &supervise.Held{}
		var err error
		if c.children, err = supervise.Start(c.supervision()); err != nil {
			return errors.Join(err, c.journal.Abandon())
		}
	}
	go func() {
		ended, err := c.awaitStart(), c.watch()
		ended()
		c.watched <- err
	}()
	return nil
}

// supervision is what the processes are started with. How many mounts a command
// makes that decides only when its gofer runs is not known yet.
func (c *creation) supervision() supervise.Options {
	const enough = 100
	conf := c.conf
	if c.final != nil {
		conf = c.final
	}
	o := supervision(conf, c.spec, c.plan)
	o.OnHello = c.hello
	if c.decide != nil {
		o.Mounts = enough
	}
	return o
}

// hello is called while the engine waits for the sandbox process, which is the
// last one that it starts and has parsed its spec for. It returns the answer to
// the process.
func (c *creation) hello(p supervise.Process) (a supervise.Answer) {
	if c.decide != nil && c.answer == nil {
		if p.Kind != supervise.Gofer {
			c.early = append(c.early, p)
			return a
		}
		if err := c.decide(p.PID); err != nil {
			c.refused = err
			return a
		}
	}
	a.Data = c.answer
	if p.Kind == supervise.Gofer {
		if c.files == nil {
			c.files = &goferFiles{plan: c.plan}
		}
		var err error
		if a.Files, err = c.files.take(); err != nil {
			c.refused = err
		}
	}
	if c.journal == nil {
		if err := errors.Join(c.claimRoot(), c.beginJournal()); err != nil {
			log.Warningf("Nobody will clean up if this process is killed: %v", err)
		}
	}
	for _, p := range append(c.early, p) {
		c.note(p)
	}
	c.early = nil
	return a
}

// note notes a process that has started.
func (c *creation) note(p supervise.Process) {
	if err := c.journal.AddProcess(p.PID); err != nil {
		log.Warningf("Noting the %s process: %v", p.Kind, err)
	}
	if c.held.Has(p.Kind) {
		return // another process with the same socket
	}
	c.held.Watch(p)
	if p.Kind == supervise.Sandbox {
		c.show()
		engine.TakeBack() // hooks come next
		close(c.started)
	}
}
