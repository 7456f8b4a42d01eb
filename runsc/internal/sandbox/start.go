package sandbox

import (
	"context"
	"fmt"
	"slices"

	"github.com/directfs/runsc/directfspolicy"
	"github.com/directfs/runsc/pkg/ociconfig"
	"github.com/google/subcommands"
	specs "github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"
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
func Start() util.SubCommand { return &start{} }

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
	if err := startContainer(conf, c); err != nil {
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

// startContainer starts a created container by its stored Plan.
func startContainer(conf *config.Config, c *container.Container) error {
	if _, err := prepareStart(conf, c.ID, c.Spec); err != nil {
		return err
	}
	sources := slices.Clone(c.Spec.Mounts)
	if err := c.Start(conf); err != nil {
		return fmt.Errorf("starting container: %w", err)
	}
	if err := keepSources(c, sources); err != nil {
		return fmt.Errorf("saving container: %w", err)
	}
	return nil
}

// run is the "run" command.
type run struct{ cmd.Run }

// Run returns the "run" command.
func Run() util.SubCommand { return inBundle{&run{}} }

// Execute implements subcommands.Command.Execute.
func (r *run) Execute(ctx context.Context, f *flag.FlagSet, args ...any) subcommands.ExitStatus {
	conf := args[0].(*config.Config)
	if f.NArg() != 1 {
		f.Usage()
		return subcommands.ExitUsageError
	}
	spec, err := fetch(&r.Run, conf, f)
	if err != nil {
		return util.Errorf("run: %v", err)
	}
	scope, err := ociconfig.Scope(spec)
	if err != nil {
		return util.Errorf("run: %v", err)
	}
	if scope == directfspolicy.PodMember {
		return runMember(ctx, conf, f, args[1].(*unix.WaitStatus))
	}
	if _, err := prepareCreate(conf, f.Arg(0), spec); err != nil {
		return util.Errorf("run: %v", err)
	}
	return r.Run.Execute(ctx, f, args...)
}

// runMember creates and starts a container in a running sandbox. The engine's
// run uses one configuration for both steps, where a joining container needs
// two: see engine.ConfigureCreate and engine.ConfigureStart.
func runMember(ctx context.Context, conf *config.Config, f *flag.FlagSet, status *unix.WaitStatus) subcommands.ExitStatus {
	create := new(cmd.Create)
	createFlags := flag.NewFlagSet(create.Name(), flag.ContinueOnError)
	create.SetFlags(createFlags)
	var flagErr error
	f.Visit(func(fl *flag.Flag) {
		if createFlags.Lookup(fl.Name) != nil && flagErr == nil {
			flagErr = createFlags.Set(fl.Name, fl.Value.String())
		}
	})
	if flagErr == nil {
		flagErr = createFlags.Parse(f.Args())
	}
	if flagErr != nil {
		return util.Errorf("run: %v", flagErr)
	}
	startConf := *conf
	spec, err := fetch(create, conf, createFlags)
	if err != nil {
		return util.Errorf("run: %v", err)
	}
	if _, err := prepareCreate(conf, f.Arg(0), spec); err != nil {
		return util.Errorf("run: %v", err)
	}
	if code := create.Execute(ctx, createFlags, conf, status); code != subcommands.ExitSuccess {
		return code
	}
	c, err := container.Load(conf.RootDir, memberID(spec, f.Arg(0)), container.LoadOpts{Exact: true})
	if err != nil {
		return util.Errorf("run: %v", err)
	}
	if err := startContainer(&startConf, c); err != nil {
		_ = c.Destroy()
		return util.Errorf("run: %v", err)
	}
	if f.Lookup("detach").Value.String() == "true" {
		return subcommands.ExitSuccess
	}
	if c.Spec.Process.Terminal {
		defer c.ForwardSignals(0, true)()
	}
	ws, err := c.Wait()
	if err != nil {
		return util.Errorf("run: waiting for container: %v", err)
	}
	*status = ws
	if err := c.Destroy(); err != nil {
		return util.Errorf("run: %v", err)
	}
	return subcommands.ExitSuccess
}

// memberID returns what a container that joins the spec's sandbox is loaded by:
// not a search, which takes the beginning of another id for this one.
func memberID(spec *specs.Spec, id string) container.FullID {
	sandboxID, _ := specutils.SandboxID(spec)
	return container.FullID{SandboxID: sandboxID, ContainerID: id}
}
