// Package policycmd is the command "runsc policy": it says what the runtime
// decides about directfs, and why, without starting anything.
package policycmd

import (
	"context"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/directfs/runsc/runsc/internal/verify"
	"github.com/google/subcommands"
	specs "github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"
	"gvisor.dev/gvisor/runsc/cmd/util"
	"gvisor.dev/gvisor/runsc/config"
	"gvisor.dev/gvisor/runsc/flag"
)

// Exit statuses of every subcommand. Usage errors have the same one as files
// that cannot be read: both are about the call and not about the container.
const (
	exitOK      = subcommands.ExitSuccess
	exitRefused = subcommands.ExitFailure
	exitUsage   = subcommands.ExitUsageError
)

// policy is the "policy" command.
type policy struct {
	help bool
	more []subcommands.Command
}

// Command returns the "policy" command, with more subcommands than its own.
func Command(more ...subcommands.Command) util.SubCommand { return &policy{more: more} }

// Name implements subcommands.Command.Name.
func (*policy) Name() string { return "policy" }

// Synopsis implements subcommands.Command.Synopsis.
func (*policy) Synopsis() string { return "explain and check decisions about directfs and cache modes" }

// Usage implements subcommands.Command.Usage.
func (p *policy) Usage() string {
	var b strings.Builder
	b.WriteString("policy <subcommand> [options] - explain and check decisions about directfs and cache modes, without starting anything.\n\n")
	for _, c := range p.Subcommands() {
		fmt.Fprintf(&b, "  %-11s %s\n", c.Name(), c.Synopsis())
	}
	b.WriteString(`
The runtime's global options come before "policy" and count as they do for
"create": runsc --directfs=false policy explain --bundle DIR.

Answers are on stdout, errors on stderr. Exit status: 0 if there is an answer
and nothing is refused, 1 if the container would be refused, 2 if the arguments
are wrong or input cannot be read. verify has more.

"runsc policy <subcommand> --help" describes a subcommand.
`)
	return b.String()
}

// SetFlags implements subcommands.Command.SetFlags. The flags are defined
// because the engine's command line takes an undefined --help for a failure.
func (p *policy) SetFlags(f *flag.FlagSet) { helpFlag(f, &p.help) }

// FetchSpec implements util.SubCommand.FetchSpec. A bundle is no container
// yet; the subcommands read it themselves.
func (*policy) FetchSpec(*config.Config, *flag.FlagSet) (string, *specs.Spec, error) {
	return "", nil, nil
}

// Execute implements subcommands.Command.Execute.
func (p *policy) Execute(ctx context.Context, f *flag.FlagSet, args ...any) subcommands.ExitStatus {
	code := p.run(ctx, f, args...)
	if code == exitOK {
		return exitOK // with the status that a subcommand may have set
	}
	// The engine's command line ends with 128 for every other status.
	*args[1].(*unix.WaitStatus) = unix.WaitStatus(code << 8)
	return subcommands.ExitSuccess
}

func (p *policy) run(ctx context.Context, f *flag.FlagSet, args ...any) subcommands.ExitStatus {
	if p.help {
		fmt.Print(p.Usage())
		return exitOK
	}
	cdr := p.commander(f)
	if f.NArg() == 0 {
		fmt.Fprint(os.Stderr, p.Usage())
		return exitUsage
	}
	name := f.Arg(0)
	known := name == "help"
	for _, c := range p.Subcommands() {
		known = known || c.Name() == name
	}
	if !known {
		return failUsage("policy", fmt.Errorf("unknown subcommand %q; allowed: %s", name, strings.Join(p.names(), ", ")))
	}
	return cdr.Execute(ctx, args...)
}

func (p *policy) commander(f *flag.FlagSet) *subcommands.Commander {
	cdr := subcommands.NewCommander(f, "runsc policy")
	cdr.ExplainCommand = explainCommand
	cdr.Explain = func(w io.Writer) { fmt.Fprint(w, p.Usage()) }
	cdr.Register(cdr.HelpCommand(), "")
	for _, c := range p.Subcommands() {
		cdr.Register(&helpful{Command: c}, "")
	}
	return cdr
}

// Subcommands is every subcommand, in the order in which they are shown.
func (p *policy) Subcommands() []subcommands.Command {
	return append([]subcommands.Command{new(explain), new(check), new(matrix), verify.Command()}, p.more...)
}

func (p *policy) names() []string {
	var all []string
	for _, c := range p.Subcommands() {
		all = append(all, c.Name())
	}
	return all
}
