package volumed

import (
	"context"
	"flag"
	"fmt"
	"os"

	"github.com/directfs/runsc/pkg/cmdline"
	"github.com/google/subcommands"
)

// Main runs the command that the arguments name, and returns the exit status: 0,
// 1 where something is wrong, 2 for arguments that cannot be understood.
func Main(ctx context.Context, args []string) int {
	top := flag.NewFlagSet("volumed", flag.ExitOnError)
	c := subcommands.NewCommander(top, "volumed")
	c.Register(c.HelpCommand(), "")
	c.Register(new(serve), "")
	c.Register(new(check), "")
	c.Register(version{}, "")
	c.Register(&cmdline.Completion{Program: "volumed", Of: func() cmdline.Program { return cmdline.Of("volumed", c) }}, "")
	top.Usage = func() { c.Explain(os.Stderr) }
	if err := top.Parse(args); err != nil {
		return int(subcommands.ExitUsageError)
	}
	return int(c.Execute(ctx))
}

func usageError(f *flag.FlagSet, err error) subcommands.ExitStatus {
	fmt.Fprintf(os.Stderr, "volumed %s: %v; see volumed help %s\n", f.Name(), err, f.Name())
	return subcommands.ExitUsageError
}
