package sandbox

import (
	"context"
	"slices"
	"strings"
	"time"

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
)

// endTimeout is how long a container with volumes may take to be killed or
// deleted: longer than a daemon may take for a call, because files are closed.
//
// A daemon that does not answer keeps whoever waits for it, and the sandbox process
// waits for them: it deletes a container of a pod when the processes of that have
// ended, and looks for the program and the directory of an exec. It does both
// under the lock that every command needs, for every container of the pod
// (runsc/boot/loader.go, destroySubcontainer and executeAsync).
const endTimeout = time.Minute

// watchEnd tells the gofer of a container, if that has volumes, to hang up if it
// takes long until stop is called.
func watchEnd(c *container.Container) (stop func()) {
	plan, err := statedir.LoadPlan(c)
	if err != nil || !hasVolumes(plan) {
		return func() {}
	}
	held, fired := hold(c), make(chan struct{})
	timer := time.AfterFunc(endTimeout, func() {
		defer close(fired)
		log.Warningf("Container %q takes longer than %v to end; its volumes are taken away", c.ID, endTimeout)
		held.Signal(supervise.Gofer, unix.SIGTERM)
	})
	return func() {
		if !timer.Stop() {
			<-fired
		}
		held.Close()
	}
}

// watchNamed does so until this process ends. It does not ask the sandbox process
// for anything.
func watchNamed(root, id string) {
	if c, err := container.Load(root, statedir.ID{ContainerID: id}, container.LoadOpts{SkipCheck: true}); err == nil {
		watchEnd(c)
	}
}

// ending is a command that ends containers. They are watched as long as it runs,
// and before it asks the sandbox process for anything.
type ending struct {
	util.SubCommand

	// ends are the containers that are to end whatever they do.
	ends func(*flag.FlagSet) []string
}

// FetchSpec implements util.SubCommand.FetchSpec.
func (e *ending) FetchSpec(conf *config.Config, f *flag.FlagSet) (string, *specs.Spec, error) {
	for _, id := range e.ends(f) {
		watchNamed(conf.RootDir, id)
	}
	return e.SubCommand.FetchSpec(conf, f)
}

// forced is the first container of "delete --force", which the engine's FetchSpec
// loads. Loading waits for whoever has a container locked: the others are watched
// when it is their turn.
func forced(f *flag.FlagSet) []string {
	if f.Lookup("force").Value.String() != "true" {
		return nil
	}
	return f.Args()[:min(f.NArg(), 1)]
}

// killed is the container of "kill" with a signal that nothing survives.
func killed(f *flag.FlagSet) []string {
	signal := strings.TrimPrefix(strings.ToUpper(f.Arg(1)), "SIG")
	one := slices.ContainsFunc([]string{"pid", "pgid"}, func(name string) bool { return f.Lookup(name).Value.String() != "0" })
	if one || signal != "KILL" && signal != "9" {
		return nil
	}
	return f.Args()[:1]
}

// Kill returns the "kill" command.
func Kill() util.SubCommand { return Clean(killer{&ending{new(cmd.Kill), killed}}) }

// killer is the "kill" command, and says of a container whose sandbox has ended
// what runc says. containerd's shim for runc looks for these words, also when it
// removes a container that could not be started
// (cmd/containerd-shim-runc-v2/process/utils.go, checkKillError).
type killer struct{ util.SubCommand }

// Execute implements subcommands.Command.Execute.
func (k killer) Execute(ctx context.Context, f *flag.FlagSet, args ...any) subcommands.ExitStatus {
	conf := args[0].(*config.Config)
	if f.NArg() > 0 {
		c, err := container.Load(conf.RootDir, statedir.ID{ContainerID: f.Arg(0)}, container.LoadOpts{SkipCheck: true})
		if err == nil && !c.IsSandboxRunning() {
			return util.Errorf("container not running: the sandbox of %q has ended", f.Arg(0))
		}
	}
	return k.SubCommand.Execute(ctx, f, args...)
}
