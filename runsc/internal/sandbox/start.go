package sandbox

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/directfs/runsc/directfspolicy"
	"github.com/directfs/runsc/runsc/internal/engine"
	"github.com/directfs/runsc/runsc/internal/firstprocess"
	"github.com/directfs/runsc/runsc/internal/statedir"
	"github.com/directfs/runsc/runsc/internal/supervise"
	"github.com/google/subcommands"
	specs "github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"
	"gvisor.dev/gvisor/pkg/log"
	"gvisor.dev/gvisor/runsc/cmd"
	"gvisor.dev/gvisor/runsc/cmd/util"
	"gvisor.dev/gvisor/runsc/config"
	"gvisor.dev/gvisor/runsc/container"
	"gvisor.dev/gvisor/runsc/flag"
	"gvisor.dev/gvisor/runsc/specutils"
)

// start is the "start" command.
type start struct{ cmd.Start }

// Start returns the "start" command.
func Start() util.SubCommand { return Clean(&start{}) }

// Execute implements subcommands.Command.Execute.
func (s *start) Execute(_ context.Context, f *flag.FlagSet, args ...any) subcommands.ExitStatus {
	if f.NArg() != 1 {
		f.Usage()
		return subcommands.ExitUsageError
	}
	conf := args[0].(*config.Config)
	c, err := load(conf, f.Arg(0))
	if err != nil {
		return util.Errorf("start: %v", err)
	}
	if err := startContainer(conf, c, begin(c)); err != nil {
		return util.Errorf("start: %v", err)
	}
	return subcommands.ExitSuccess
}

func load(conf *config.Config, id string) (*container.Container, error) {
	c, err := container.Load(conf.RootDir, container.FullID{ContainerID: id}, container.LoadOpts{})
	if err != nil {
		return nil, fmt.Errorf("loading container %q: %w", id, err)
	}
	return c, nil
}

// action is how the engine starts or restores a container.
type action struct {
	do    func(*config.Config) error
	limit time.Duration // for its volumes; 0 is none
	runs  bool          // its process begins, and may be behind a first process
}

// begin is the start of a container that was not checkpointed.
func begin(c *container.Container) action { return action{c.Start, startTimeout, true} }

// startContainer starts, or restores, a created container by its stored Plan.
func startContainer(conf *config.Config, c *container.Container, start action) error {
	plan, unlock, err := prepareStart(conf, c)
	if err != nil {
		return err
	}
	if release, err := statedir.Protect(conf.RootDir, c.Saver.ID); err != nil {
		log.Warningf("Nobody will restore the state if this process is killed: %v", err)
	} else {
		defer release()
	}
	held := hold(c)
	defer held.Close()
	if plan.Container().Scope != directfspolicy.PodMember {
		defer unlock()
		return startFirst(conf, c, plan, start, held)
	}
	err = startMember(conf, c, plan, start)
	unlock()
	if err != nil {
		return because(err, whyEnded(held, c, err))
	}
	if c.Spec.Hooks == nil {
		return nil
	}
	return specutils.ExecuteHooks(c.Spec.Hooks.Poststart, c.State())
}

// startFirst starts a container that has a sandbox of its own. Where a first process
// mounts its overlays, its poststart hooks run after that: the engine would run them
// when it has started that process.
func startFirst(conf *config.Config, c *container.Container, plan directfspolicy.Plan, start action, held *supervise.Held) error {
	report, err := openReport(c, plan, start)
	if err != nil {
		return because(err, whyEnded(held, c, err))
	}
	defer report.Close()
	hooks := c.Spec.Hooks
	if report != nil {
		c.Spec.Hooks = withoutPoststart(hooks)
	}
	late := watchStart(start.limit, conf.RootDir, c.Saver.ID, plan, held)
	err = late.end(start.do(conf))
	c.Spec.Hooks = hooks
	if err != nil {
		reasons := whyEnded(held, c, err)
		endUnstarted(held, err)
		return because(fmt.Errorf("starting container: %w", err), reasons)
	}
	err = awaitFirstProcess(conf.RootDir, c.Saver.ID, report)
	if errors.Is(err, firstprocess.ErrUnfinished) {
		return because(err, held.Reasons(0))
	}
	if err != nil || report == nil || hooks == nil {
		return err
	}
	return specutils.ExecuteHooks(hooks.Poststart, c.State())
}

func withoutPoststart(hooks *specs.Hooks) *specs.Hooks {
	if hooks == nil {
		return nil
	}
	other := *hooks
	other.Poststart = nil
	return &other
}

// startMember starts a container that joins a sandbox. For that the engine
// sends the spec object to the sandbox process, and it saves what it has sent.
// So the object is lowered before and put back afterwards; poststart hooks,
// which are shown the spec's annotations, run after that.
func startMember(conf *config.Config, c *container.Container, plan directfspolicy.Plan, start action) error {
	if err := engine.HandToGofer(plan); err != nil {
		return err
	}
	defer engine.TakeBack() // hooks come next
	files, err := prepareGoferFiles(plan)
	if err != nil {
		return fmt.Errorf("starting container: %w", err)
	}
	defer files.close()
	held := &supervise.Held{}
	defer held.Close()
	o := supervision(conf, c.Spec, plan)
	var refused error
	o.OnHello = func(p supervise.Process) (a supervise.Answer) {
		held.Watch(p)
		a.Files, refused = files.take()
		return a
	}
	children, err := supervise.Start(o)
	if err != nil {
		return err
	}
	defer children.Close()
	hooks, sources := c.Spec.Hooks, slices.Clone(c.Spec.Mounts)
	undo, err := engine.LowerMember(conf, c.Spec, plan)
	if err != nil {
		return err
	}
	c.Spec.Hooks = withoutPoststart(hooks)
	late := watchStart(start.limit, conf.RootDir, c.Saver.ID, plan, held)
	err = late.end(start.do(conf))
	undo()
	c.Spec.Hooks = hooks
	if err != nil {
		ended := held.Reasons(patience)
		if strings.Contains(err.Error(), "reading mounts file") && !held.Has(supervise.Gofer) {
			ended = append(ended, endedSilently(supervise.Gofer)) // runsc/container/container.go:522
		}
		reasons := children.Reasons(patienceWith(err))
		if refused != nil {
			return because(fmt.Errorf("starting container: %w", err), []string{refused.Error()})
		}
		return because(fmt.Errorf("starting container: %w", err), unlessSaid(reasons, ended))
	}
	children.Commit()
	if pid := c.GoferPid.Load(); pid != 0 {
		if err := statedir.Note(c.Saver.RootDir, c.Saver.ID, pid); err != nil {
			log.Warningf("Noting the gofer process: %v", err)
		}
	}
	if err := saveSpec(c, sources); err != nil {
		return fmt.Errorf("saving container: %w", err)
	}
	if !start.runs {
		return nil
	}
	return awaitFirstProcess(conf.RootDir, c.Saver.ID, files.report)
}

// saveSpec saves the spec object of a container that joined a sandbox, with the
// mounts' sources that it had before: deleting the container looks for its
// files there.
func saveSpec(c *container.Container, before []specs.Mount) error {
	engine.RestoreSources(c.Spec.Mounts, before)
	var res *specs.LinuxResources
	if c.Spec.Linux != nil {
		res = c.Spec.Linux.Resources
	} else {
		c.Spec.Linux = &specs.Linux{}
	}
	// Update is the engine's way to save a container's spec, and changes
	// nothing else for one that joined a sandbox.
	return c.Update(res)
}

// wait waits for an attached container.
func wait(c *container.Container) (unix.WaitStatus, error) {
	if c.Spec.Process.Terminal {
		defer c.ForwardSignals(0, true)()
	}
	ws, err := c.Wait()
	if err != nil {
		return ws, fmt.Errorf("waiting for container: %w", err)
	}
	return ws, nil
}
