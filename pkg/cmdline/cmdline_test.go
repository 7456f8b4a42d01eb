package cmdline

import (
	"context"
	"flag"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"github.com/google/subcommands"
)

func TestValues(t *testing.T) {
	for usage, want := range map[string]string{
		"`FORMAT` of the log: text or json":                                                                       "text json",
		"least `LEVEL` that is logged: debug, info, warn or error":                                                "debug info warn error",
		"hints that may count: all (default), narrow (none that asks where --directfs=false) or none":             "all narrow none",
		"which platform to use: systrap (default), ptrace, kvm.":                                                  "systrap ptrace kvm",
		"controls permission. Values: none|open, default: none":                                                   "none open",
		"network: null (default; an empty one shared by all), new (per gofer), host (the current one), or a path": "",
		"where metrics are served: HOST:PORT or unix:PATH":                                                        "",
		"path to the root directory":                                                                              "",
		"attempt to do one: this or that thing":                                                                   "",
	} {
		if got := strings.Join(valuesIn(usage), " "); got != want {
			t.Errorf("%s: values %q, want %q", usage, got, want)
		}
	}
}

// fake is a command with one option of each kind.
type fake struct {
	name string
	subs []subcommands.Command
}

func (f *fake) Name() string     { return f.name }
func (f *fake) Synopsis() string { return "it's [a]: `command` with $HOME \\ in it" }
func (f *fake) Usage() string    { return f.name + "\n" }
func (f *fake) SetFlags(s *flag.FlagSet) {
	s.Bool("quick", false, "be `quick`")
	s.String("dir", "", "`DIR` with 'files': and \\ more")
	s.String("format", "text", "output `FORMAT`: text or json")
	s.Bool("TESTONLY-x", false, "x")
	s.Bool("old", true, "DEPRECATED: nothing")
}
func (f *fake) Subcommands() []subcommands.Command { return f.subs }
func (f *fake) Execute(context.Context, *flag.FlagSet, ...any) subcommands.ExitStatus {
	return 0
}

// hidden is a wrapper that hides what it wraps.
type hidden struct{ subcommands.Command }

func (h hidden) SetFlags(f *flag.FlagSet) {
	h.Command.SetFlags(f)
	f.Bool("help", false, "help")
}

func program() Program {
	top := flag.NewFlagSet("prog", flag.ContinueOnError)
	top.String("root", "", "root")
	cdr := subcommands.NewCommander(top, "prog")
	cdr.Register(cdr.HelpCommand(), "")
	parent := &fake{name: "parent", subs: []subcommands.Command{&fake{name: "child"}}}
	cdr.Register(hidden{parent}, "group")
	cdr.Register(&fake{name: "secret"}, "internal")
	return Of("prog", cdr, parent).Without("internal")
}

func TestOf(t *testing.T) {
	p := program()
	if got := strings.Join(names(p.Commands), " "); got != "help parent" {
		t.Errorf("commands: %s", got)
	}
	var paths []string
	for _, at := range p.places() {
		paths = append(paths, at.path)
	}
	if want := []string{"", " help", " parent", " parent child"}; !slices.Equal(paths, want) {
		t.Errorf("places %q, want %q: what is behind a wrapper has its subcommands", paths, want)
	}
	if got := strings.Join(p.Commands[0].Args, " "); got != "help parent" {
		t.Errorf("help is about %s", got)
	}
	offered := p.places()[2].options()
	if want := []string{"--dir=", "--format=text", "--format=json", "--quick", "--help"}; !slices.Equal(offered, want) {
		t.Errorf("options %q, want %q", offered, want)
	}
}

// The engine makes the subcommands of some commands only when they are executed.
func TestListed(t *testing.T) {
	list := listed("Usage: trace <flags>\n\nSubcommands:\n\tcreate           create a session\n\tps, top  x\n\nother\n\tno\n")
	if got := strings.Join(names(list), " "); got != "create ps," || list[0].Synopsis != "create a session" {
		t.Errorf("listed: %+v", list)
	}
}

// Whatever is in a description, the shells can read it.
func TestShellsRead(t *testing.T) {
	for shell, text := range map[string]string{"bash": program().Bash(), "zsh": program().Zsh(), "fish": program().Fish()} {
		path, err := exec.LookPath(shell)
		if err != nil {
			t.Logf("%s is not installed", shell)
			continue
		}
		c := exec.Command(path, "-n")
		c.Stdin = strings.NewReader(text)
		if out, err := c.CombinedOutput(); err != nil {
			t.Errorf("%s: %v\n%s", shell, err, out)
		}
	}
}

// fish says itself what it would offer.
func TestFishOffers(t *testing.T) {
	if _, err := exec.LookPath("fish"); err != nil {
		t.Skip("fish is not installed; make test-package asks the shells")
	}
	for line, want := range map[string]string{
		"prog pa":                            "parent",
		"prog --root parent parent ":         "child",
		"prog --root=/x parent --format=":    "--format=json --format=text",
		"prog parent child --q":              "--quick",
		"prog parent --dir child --format j": "json",
		"prog parent --TEST":                 "",
	} {
		c := exec.Command("fish", "--no-config", "-c", "source; complete -C $argv | string split -f1 \\t | string join ' '; true", line)
		c.Stdin = strings.NewReader(program().Fish())
		out, err := c.CombinedOutput()
		if got := strings.TrimSpace(string(out)); err != nil || got != want {
			t.Errorf("%s: %q, %v; want %q", line, got, err, want)
		}
	}
}
