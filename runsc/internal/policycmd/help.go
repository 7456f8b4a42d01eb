package policycmd

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/directfs/runsc/runsc/internal/plain"
	"github.com/google/subcommands"
	"gvisor.dev/gvisor/runsc/flag"
)

// helpful is a subcommand that answers --help on stdout and with success.
type helpful struct {
	subcommands.Command
	help bool
}

// SetFlags implements subcommands.Command.SetFlags.
func (h *helpful) SetFlags(f *flag.FlagSet) {
	h.Command.SetFlags(f)
	helpFlag(f, &h.help)
	name := h.Name()
	// In place of the whole help text, which would bury the error above it.
	f.Usage = func() { fmt.Fprintf(f.Output(), "see: runsc policy %s --help\n", name) }
}

// Execute implements subcommands.Command.Execute.
func (h *helpful) Execute(ctx context.Context, f *flag.FlagSet, args ...any) subcommands.ExitStatus {
	if h.help {
		explainCommand(os.Stdout, h.Command)
		return exitOK
	}
	return h.Command.Execute(ctx, f, args...)
}

// helpFlag defines --help. The engine's help command has defined it already.
func helpFlag(f *flag.FlagSet, help *bool) {
	if f.Lookup("help") != nil {
		return
	}
	f.BoolVar(help, "help", false, "describe the command")
	f.BoolVar(help, "h", false, "the same")
}

// explainCommand prints how to use a subcommand, with its options in the long
// form.
func explainCommand(w io.Writer, c subcommands.Command) {
	if h, ok := c.(*helpful); ok {
		c = h.Command
	}
	usage := strings.TrimRight(c.Usage(), "\n")
	fmt.Fprintln(w, strings.TrimRight(strings.TrimSuffix(usage, "FLAGS:"), "\n"))
	f := flag.NewFlagSet(c.Name(), flag.ContinueOnError)
	c.SetFlags(f)
	first := true
	f.VisitAll(func(fl *flag.Flag) {
		if first {
			fmt.Fprint(w, "\nOptions:\n")
			first = false
		}
		value, usage := unquote(fl)
		fmt.Fprintf(w, "  --%s%s\n        %s\n", fl.Name, value, usage)
	})
}

// unquote returns the placeholder of a flag's value, with "=" before it, and
// the flag's usage without the backquotes around it.
func unquote(fl *flag.Flag) (value, usage string) {
	before, rest, ok := strings.Cut(fl.Usage, "`")
	if !ok {
		return "", fl.Usage
	}
	name, after, _ := strings.Cut(rest, "`")
	usage = before + name + after
	if fl.DefValue != "" {
		usage += fmt.Sprintf(" (default %s)", fl.DefValue)
	}
	return "=" + name, usage
}

// usageError is about the call and not about the container.
type usageError struct{ error }

// Unwrap returns the error itself.
func (e usageError) Unwrap() error { return e.error }

func usagef(format string, args ...any) error { return usageError{fmt.Errorf(format, args...)} }

// fail prints the errors and returns the exit status that they call for.
func fail(command string, errs ...error) subcommands.ExitStatus {
	code := exitRefused
	for _, err := range errs {
		fmt.Fprintf(os.Stderr, "policy %s: %s\n", command, plain.Lines(err.Error()))
		if errors.As(err, new(usageError)) {
			code = exitUsage
		}
	}
	return code
}

func failUsage(command string, err error) subcommands.ExitStatus {
	fmt.Fprintf(os.Stderr, "%s: %v\nsee: runsc policy --help\n", command, err)
	return exitUsage
}

// noArguments refuses arguments where only options are expected.
func noArguments(f *flag.FlagSet) error {
	if f.NArg() > 0 {
		return usagef("unexpected argument %q; options begin with --, and a value follows its option after =", f.Arg(0))
	}
	return nil
}

// oneOf refuses a format that the subcommand does not have.
func oneOf(option, value string, allowed ...string) error {
	for _, a := range allowed {
		if value == a {
			return nil
		}
	}
	return usagef("%s=%q: invalid value; allowed: %s", option, value, strings.Join(allowed, ", "))
}
