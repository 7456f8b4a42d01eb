package sandbox

import (
	"context"
	"fmt"

	"github.com/directfs/runsc/directfspolicy"
	"github.com/directfs/runsc/pkg/ociconfig"
	"github.com/directfs/runsc/runsc/internal/engine"
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

// run is the "run" command.
type run struct{ cmd.Run }

// Run returns the "run" command.
func Run() util.SubCommand { return Clean(inBundle{&run{}}) }

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
	if err := enterUserNamespace(conf); err != nil {
		return util.Errorf("run: %v", err)
	}
	return create("run", conf, f.Arg(0), spec, func() subcommands.ExitStatus { return r.Run.Execute(ctx, f, args...) }, ownProgram(f))
}

// ownProgram refuses a plan with a first process where a flag gives the container's
// program: the engine would execute that in the place of the first process.
func ownProgram(f *flag.FlagSet) func(directfspolicy.Plan) error {
	return func(p directfspolicy.Plan) error {
		if fd := f.Lookup("exec-fd"); fd != nil && fd.Value.String() != "-1" && engine.HasFirstProcess(p) {
			return fmt.Errorf("--exec-fd=%v: the container has an overlay that the sentry makes, by a process of its own: use the host's driver, by the option gvisor.overlay=host, or give the program by its path", fd.Value)
		}
		return nil
	}
}

// enterUserNamespace does first what the engine's rootless commands do first:
// execute this program again in a user namespace (runsc/cmd/run.go:118). What
// comes before that would be done twice.
func enterUserNamespace(conf *config.Config) error {
	if !conf.Rootless || conf.Network == config.NetworkSandbox {
		return nil // the command refuses the two together
	}
	return specutils.MaybeRunAsRoot()
}

// runMember creates and starts a container in a running sandbox. The engine's
// run uses one configuration for both steps, where a joining container needs
// two: see engine.ConfigureCreate and engine.ConfigureStart.
func runMember(ctx context.Context, conf *config.Config, f *flag.FlagSet, status *unix.WaitStatus) subcommands.ExitStatus {
	creator := new(cmd.Create)
	createFlags := flag.NewFlagSet(creator.Name(), flag.ContinueOnError)
	creator.SetFlags(createFlags)
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
	spec, err := fetch(creator, conf, createFlags)
	if err != nil {
		return util.Errorf("run: %v", err)
	}
	c, code := createMember("run", conf, f.Arg(0), spec, func() subcommands.ExitStatus { return creator.Execute(ctx, createFlags, conf, status) })
	if code != subcommands.ExitSuccess {
		return code
	}
	if err := startContainer(&startConf, c, begin(c)); err != nil {
		_ = destroy(conf, c)
		return util.Errorf("run: %v", err)
	}
	if f.Lookup("detach").Value.String() == "true" {
		return subcommands.ExitSuccess
	}
	ws, err := wait(c)
	if err != nil {
		return util.Errorf("run: %v", err)
	}
	*status = ws
	if err := destroy(conf, c); err != nil {
		return util.Errorf("run: %v", err)
	}
	return subcommands.ExitSuccess
}

// createMember creates a container that joins a sandbox, for a command that goes
// on with it.
func createMember(name string, conf *config.Config, id string, spec *specs.Spec, execute func() subcommands.ExitStatus) (*container.Container, subcommands.ExitStatus) {
	if code := create(name, conf, id, spec, execute); code != subcommands.ExitSuccess {
		return nil, code
	}
	c, err := container.Load(conf.RootDir, fullID(spec, id), container.LoadOpts{Exact: true})
	if err != nil {
		return nil, util.Errorf("%s: loading container: %v", name, err)
	}
	return c, subcommands.ExitSuccess
}
