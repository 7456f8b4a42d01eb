package sandbox

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/directfs/runsc/directfspolicy"
	"github.com/directfs/runsc/runsc/internal/engine"
	"github.com/directfs/runsc/runsc/internal/statedir"
	"github.com/google/subcommands"
	specs "github.com/opencontainers/runtime-spec/specs-go"
	"gvisor.dev/gvisor/pkg/sentry/control"
	"gvisor.dev/gvisor/runsc/cmd"
	"gvisor.dev/gvisor/runsc/cmd/util"
	"gvisor.dev/gvisor/runsc/config"
	"gvisor.dev/gvisor/runsc/container"
	"gvisor.dev/gvisor/runsc/flag"
)

// Exec returns the "exec" command.
func Exec() util.SubCommand { return Clean(&executor{new(cmd.Exec)}) }

// executor is the "exec" command.
type executor struct{ *cmd.Exec }

// FetchSpec implements util.SubCommand.FetchSpec. It is called first, and Execute
// takes the capabilities from what it has loaded.
func (e *executor) FetchSpec(conf *config.Config, f *flag.FlagSet) (string, *specs.Spec, error) {
	id, spec, err := e.Exec.FetchSpec(conf, f)
	if err == nil && engine.IsLoweredMember(spec) {
		err = fmt.Errorf("exec: %w", errStarting)
	}
	return id, spec, err
}

// Execute implements subcommands.Command.Execute.
func (e *executor) Execute(ctx context.Context, f *flag.FlagSet, args ...any) subcommands.ExitStatus {
	// What is no container is for the engine's command to say. The status is that
	// of the state file: one that is being started can look stopped to the engine.
	id := container.FullID{ContainerID: f.Arg(0)}
	if c, err := container.Load(args[0].(*config.Config).RootDir, id, container.LoadOpts{SkipCheck: true}); err == nil {
		if err := allowExec(c); err != nil {
			return util.Errorf("exec: %v", err)
		}
	}
	return e.Exec.Execute(ctx, f, args...)
}

// errStarting: what exec starts before the first process has become the container's
// would see the layers of its overlays, and, while the stored spec is the one that
// the sandbox process gets, have all capabilities.
var errStarting = errors.New("the container is not started, or its overlays are not mounted yet: try again when start has ended")

// allowExec refuses a container whose first process is still to end. The engine
// loads the container again afterwards. One that is once found to be started stays
// so.
func allowExec(c *container.Container) error {
	plan, err := statedir.LoadPlan(c)
	switch {
	case errors.Is(err, engine.ErrNoPlan), errors.Is(err, directfspolicy.ErrPlanVersion):
		return nil // another version made it
	case err != nil:
		return err
	case !engine.HasFirstProcess(plan):
		return nil
	case c.Status == container.Created:
		return errStarting
	}
	// Of a container that has stopped the engine's command has the words.
	if all, err := c.Processes(); err == nil && slices.ContainsFunc(all, isFirst) {
		return errStarting
	}
	return nil
}

// isFirst reports whether a process is called as a first process. A container's own
// can call itself that, and keep others from executing programs beside it.
func isFirst(p *control.Process) bool { return p.Cmd == engine.FirstProcessName }
