package cmdline

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/google/subcommands"
)

// Completion is the command "completion", which prints a Program for a shell.
type Completion struct {
	Program string         // the program's name
	Of      func() Program // describes the program when all its commands are registered
	path    string         // what precedes "completion"
}

// Below is the same command as a subcommand of another.
func (c *Completion) Below(command string) *Completion {
	return &Completion{Program: c.Program, Of: c.Of, path: command + " "}
}

var formats = map[string]func(Program) (string, error){
	"bash": func(p Program) (string, error) { return p.Bash(), nil },
	"zsh":  func(p Program) (string, error) { return p.Zsh(), nil },
	"fish": func(p Program) (string, error) { return p.Fish(), nil },
	"json": func(p Program) (string, error) {
		text, err := json.MarshalIndent(p, "", "  ")
		return string(text) + "\n", err
	},
}

// Name implements subcommands.Command.Name.
func (*Completion) Name() string { return "completion" }

// Synopsis implements subcommands.Command.Synopsis.
func (*Completion) Synopsis() string { return "print shell completion: bash, zsh or fish" }

// Choices implements Chooser.
func (*Completion) Choices() []string { return []string{"bash", "zsh", "fish", "json"} }

// Usage implements subcommands.Command.Usage.
func (c *Completion) Usage() string {
	return strings.NewReplacer("PROGRAM", c.Program, "PATH", c.path).Replace(
		`PATHcompletion bash|zsh|fish|json - print shell completion for all commands and options of PROGRAM.

  source <(PROGRAM PATHcompletion bash)
  source <(PROGRAM PATHcompletion zsh)
  PROGRAM PATHcompletion fish | source

json describes the commands and options for other tools.
`)
}

// SetFlags implements subcommands.Command.SetFlags.
func (*Completion) SetFlags(*flag.FlagSet) {}

// Execute implements subcommands.Command.Execute.
func (c *Completion) Execute(_ context.Context, f *flag.FlagSet, _ ...any) subcommands.ExitStatus {
	if f.NArg() != 1 || !slices.Contains(c.Choices(), f.Arg(0)) {
		fmt.Fprintf(os.Stderr, "%scompletion: %q: want one shell; allowed: %s\n", c.path, strings.Join(f.Args(), " "), strings.Join(c.Choices(), ", "))
		return subcommands.ExitUsageError
	}
	text, err := formats[f.Arg(0)](c.Of())
	if err == nil {
		_, err = fmt.Print(text)
	}
	if err != nil {
		fmt.Fprintf(os.Stderr, "%scompletion: %v\n", c.path, err)
		return subcommands.ExitFailure
	}
	return subcommands.ExitSuccess
}
