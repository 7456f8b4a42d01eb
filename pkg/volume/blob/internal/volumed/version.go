package volumed

import (
	"context"
	"flag"
	"fmt"
	"runtime"

	"github.com/google/subcommands"
)

// Version is set when the program is linked.
var Version = "devel"

// version is "volumed version".
type version struct{}

// Name implements subcommands.Command.Name.
func (version) Name() string { return "version" }

// Synopsis implements subcommands.Command.Synopsis.
func (version) Synopsis() string { return "print the version" }

// Usage implements subcommands.Command.Usage.
func (version) Usage() string { return "version - print the version.\n" }

// SetFlags implements subcommands.Command.SetFlags.
func (version) SetFlags(*flag.FlagSet) {}

// Execute implements subcommands.Command.Execute.
func (version) Execute(context.Context, *flag.FlagSet, ...any) subcommands.ExitStatus {
	fmt.Println("volumed", Version, runtime.Version())
	return subcommands.ExitSuccess
}
