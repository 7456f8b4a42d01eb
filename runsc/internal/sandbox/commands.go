package sandbox

import (
	"context"
	"errors"

	"github.com/google/subcommands"
	specs "github.com/opencontainers/runtime-spec/specs-go"
	"gvisor.dev/gvisor/runsc/cmd"
	"gvisor.dev/gvisor/runsc/cmd/util"
	"gvisor.dev/gvisor/runsc/config"
	"gvisor.dev/gvisor/runsc/flag"
)

// Create returns the "create" command.
func Create() util.SubCommand { return Clean(inBundle{&creator{}}) }

// creator is the "create" command.
type creator struct{ cmd.Create }

// Execute implements subcommands.Command.Execute.
func (c *creator) Execute(ctx context.Context, f *flag.FlagSet, args ...any) subcommands.ExitStatus {
	conf := args[0].(*config.Config)
	spec, err := fetch(&c.Create, conf, f)
	if err != nil {
		return util.Errorf("create: %v", err)
	}
	return create(c.Name(), conf, f.Arg(0), spec, func() subcommands.ExitStatus { return c.Create.Execute(ctx, f, args...) })
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
