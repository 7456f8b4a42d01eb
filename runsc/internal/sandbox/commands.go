package sandbox

import (
	"context"
	"errors"

	"github.com/directfs/runsc/runsc/internal/engine"
	"github.com/google/subcommands"
	specs "github.com/opencontainers/runtime-spec/specs-go"
	"gvisor.dev/gvisor/runsc/cmd"
	"gvisor.dev/gvisor/runsc/cmd/util"
	"gvisor.dev/gvisor/runsc/config"
	"gvisor.dev/gvisor/runsc/container"
	"gvisor.dev/gvisor/runsc/flag"
)

// command is one of the engine's commands with a step before it. The engine's
// FetchSpec returns the spec object that its Execute goes on to use, so the
// step can edit it.
type command struct {
	util.SubCommand
	prepare func(sub util.SubCommand, conf *config.Config, f *flag.FlagSet) error
}

// Execute implements subcommands.Command.Execute.
func (c *command) Execute(ctx context.Context, f *flag.FlagSet, args ...any) subcommands.ExitStatus {
	if err := c.prepare(c.SubCommand, args[0].(*config.Config), f); err != nil {
		return util.Errorf("%s: %v", c.Name(), err)
	}
	return c.SubCommand.Execute(ctx, f, args...)
}

// Create returns the "create" command.
func Create() util.SubCommand {
	return inBundle{&command{new(cmd.Create), func(sub util.SubCommand, conf *config.Config, f *flag.FlagSet) error {
		spec, err := fetch(sub, conf, f)
		if err != nil {
			return err
		}
		_, err = prepareCreate(conf, f.Arg(0), spec)
		return err
	}}}
}

// fetch returns the spec object that the engine's command will use.
func fetch(sub util.SubCommand, conf *config.Config, f *flag.FlagSet) (*specs.Spec, error) {
	_, spec, err := sub.FetchSpec(conf, f)
	if err != nil {
		return nil, err
	}
	if spec == nil {
		return nil, errors.New("no spec")
	}
	return spec, nil
}

// keepSources undoes what JoiningMessage did to a container's stored mounts:
// deleting the container looks for its files at their sources.
func keepSources(c *container.Container, before []specs.Mount) error {
	if !engine.RestoreSources(c.Spec.Mounts, before) {
		return nil
	}
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
