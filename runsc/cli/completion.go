package cli

import (
	"context"

	"github.com/directfs/runsc/pkg/cmdline"
	"github.com/directfs/runsc/runsc/internal/policycmd"
	"github.com/google/subcommands"
	specs "github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"
	"gvisor.dev/gvisor/runsc/cmd/util"
	"gvisor.dev/gvisor/runsc/config"
	"gvisor.dev/gvisor/runsc/flag"
)

// completion is the command "completion".
type completion struct{ *cmdline.Completion }

// addCompletion adds "completion", and "policy", which has it too. They describe
// what is in the table, and registered, when they are executed.
func addCompletion(add func(string, ...util.SubCommand), table map[util.SubCommand]string) {
	c := completion{&cmdline.Completion{Program: "runsc", Of: func() cmdline.Program { return describe(table) }}}
	add("helpers", c, policycmd.Command(completion{c.Below("policy")}))
}

// describe is this program's command line: as much of it as is for users.
func describe(table map[util.SubCommand]string) cmdline.Program {
	var all []subcommands.Command
	for c := range table {
		all = append(all, c)
	}
	return cmdline.Of("runsc", subcommands.DefaultCommander, all...).Without(internalGroup)
}

// FetchSpec implements util.SubCommand.FetchSpec.
func (completion) FetchSpec(*config.Config, *flag.FlagSet) (string, *specs.Spec, error) {
	return "", nil, nil
}

// Execute implements subcommands.Command.Execute.
func (c completion) Execute(ctx context.Context, f *flag.FlagSet, args ...any) subcommands.ExitStatus {
	if code := c.Completion.Execute(ctx, f); code != subcommands.ExitSuccess {
		// The engine's command line ends with 128 for every other status.
		*args[1].(*unix.WaitStatus) = unix.WaitStatus(code << 8)
	}
	return subcommands.ExitSuccess
}
