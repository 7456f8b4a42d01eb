package sandbox

import (
	"context"
	"errors"
	"fmt"
	"os"

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
)

// restore is the "restore" command. It creates the container unless it was
// created before.
type restore struct{ cmd.Restore }

// Restore returns the "restore" command.
func Restore() util.SubCommand { return Clean(inBundle{&restore{}}) }

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
	scope, err := ociconfig.Scope(spec)
	if err != nil {
		return util.Errorf("restore: %v", err)
	}
	execute := func() subcommands.ExitStatus { return r.Restore.Execute(ctx, f, args...) }
	switch {
	case scope == directfspolicy.PodMember:
		return r.executeMember(ctx, conf, f, spec, created, args[1].(*unix.WaitStatus))
	case created == nil:
		return create("restore", conf, f.Arg(0), spec, execute)
	}
	_, unlock, err := prepareStart(conf, created)
	if err != nil {
		return util.Errorf("restore: %v", err)
	}
	defer unlock()
	held := hold(created)
	defer held.Close()
	code, _, failed := watchErrors(execute)
	if code != subcommands.ExitSuccess {
		failed(whyEnded(held, created, nil))
	}
	return code
}

// executeMember restores a container that joins a sandbox. The engine's command
// loads a created container itself, where this runtime must lower the object
// that is used.
func (r *restore) executeMember(ctx context.Context, conf *config.Config, f *flag.FlagSet, spec *specs.Spec, c *container.Container, status *unix.WaitStatus) subcommands.ExitStatus {
	image := f.Lookup("image-path").Value.String()
	if image == "" {
		return util.Errorf("image-path flag must be provided")
	}
	startConf, isNew := *conf, c == nil
	if isNew {
		var code subcommands.ExitStatus
		c, code = createMember("restore", conf, f.Arg(0), spec, func() subcommands.ExitStatus { return r.Restore.Create.Execute(ctx, f, conf, status) })
		if code != subcommands.ExitSuccess {
			return code
		}
	}
	isSet := func(name string) bool { return f.Lookup(name).Value.String() == "true" }
	err := startContainer(&startConf, c, action{do: func(conf *config.Config) error {
		return c.Restore(conf, image, isSet("direct"), isSet("background"), nil)
	}})
	if err != nil {
		if isNew {
			_ = destroy(conf, c)
		}
		return util.Errorf("restore: %v", err)
	}
	if isSet("detach") {
		return subcommands.ExitSuccess
	}
	if *status, err = wait(c); err != nil {
		return util.Errorf("restore: %v", err)
	}
	return subcommands.ExitSuccess
}

// find returns the container with the id, or nil if there is none.
func find(conf *config.Config, id string) (*container.Container, error) {
	c, err := container.Load(conf.RootDir, container.FullID{ContainerID: id}, container.LoadOpts{SkipCheck: true})
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("loading container %q: %w", id, err)
	}
	return c, nil
}
