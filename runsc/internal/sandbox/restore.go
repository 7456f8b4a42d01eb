package sandbox

import (
	"context"
	"errors"
	"os"
	"slices"

	"github.com/directfs/runsc/directfspolicy"
	"github.com/google/subcommands"
	specs "github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"
	"gvisor.dev/gvisor/runsc/cmd"
	"gvisor.dev/gvisor/runsc/cmd/util"
	"gvisor.dev/gvisor/runsc/config"
	"gvisor.dev/gvisor/runsc/container"
	"gvisor.dev/gvisor/runsc/flag"
)

// restore is the "restore" command. It creates the container unless it was
// created before.
type restore struct{ cmd.Restore }

// Restore returns the "restore" command.
func Restore() util.SubCommand { return inBundle{&restore{}} }

// Execute implements subcommands.Command.Execute.
func (r *restore) Execute(ctx context.Context, f *flag.FlagSet, args ...any) subcommands.ExitStatus {
	conf := args[0].(*config.Config)
	created, err := find(conf, f.Arg(0))
	if err != nil {
		return util.Errorf("restore: %v", err)
	}
	spec, err := fetch(&r.Restore, conf, f)
	if err != nil {
		return util.Errorf("restore: %v", err)
	}
	id := f.Arg(0)
	prepare := prepareCreate
	if created != nil {
		id, prepare = created.ID, prepareStart
	}
	plan, err := prepare(conf, id, spec)
	if err != nil {
		return util.Errorf("restore: %v", err)
	}
	if plan.Scope() != directfspolicy.PodMember {
		return r.Restore.Execute(ctx, f, args...)
	}
	member := memberID(spec, id)
	before := slices.Clone(spec.Mounts)
	restore := func() subcommands.ExitStatus { return r.Restore.Execute(ctx, f, args...) }
	return restoreMember(conf, f, member, before, args[1].(*unix.WaitStatus), restore)
}

// restoreMember restores a container that joins a sandbox and then, before it
// waits for the container's process, puts the mounts' sources back.
func restoreMember(conf *config.Config, f *flag.FlagSet, id container.FullID, before []specs.Mount, status *unix.WaitStatus, restore func() subcommands.ExitStatus) subcommands.ExitStatus {
	attached := f.Lookup("detach").Value.String() == "false"
	if err := f.Set("detach", "true"); err != nil {
		return util.Errorf("restore: %v", err)
	}
	if code := restore(); code != subcommands.ExitSuccess {
		return code
	}
	c, err := container.Load(conf.RootDir, id, container.LoadOpts{Exact: true})
	if err != nil {
		return util.Errorf("restore: loading container: %v", err)
	}
	if err := keepSources(c, before); err != nil {
		return util.Errorf("restore: saving container: %v", err)
	}
	if !attached {
		return subcommands.ExitSuccess
	}
	if c.Spec.Process.Terminal {
		defer c.ForwardSignals(0, true)()
	}
	ws, err := c.Wait()
	if err != nil {
		return util.Errorf("restore: waiting for container: %v", err)
	}
	*status = ws
	return subcommands.ExitSuccess
}

// find returns the container with the id, or nil if there is none.
func find(conf *config.Config, id string) (*container.Container, error) {
	c, err := container.Load(conf.RootDir, container.FullID{ContainerID: id}, container.LoadOpts{SkipCheck: true})
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	return c, err
}
