// Package cmdline describes the command line of a program, taken from the
// commands and options that the program itself has registered, and writes
// completion for shells. Whatever is made from it cannot differ from what the
// program accepts.
package cmdline

import (
	"bufio"
	"flag"
	"slices"
	"strings"

	"github.com/google/subcommands"
)

// Program is a program's command line. Its JSON form is what tools read.
type Program struct {
	Name     string    `json:"name"`
	Flags    []Flag    `json:"flags"` // the global ones, which precede the command
	Commands []Command `json:"commands"`
}

// Command is one command of a program, or one subcommand of a command.
type Command struct {
	Name     string    `json:"name"`
	Group    string    `json:"group,omitempty"`
	Synopsis string    `json:"synopsis"`
	Usage    string    `json:"usage"`
	Flags    []Flag    `json:"flags"`
	Commands []Command `json:"commands,omitempty"`
	Args     []string  `json:"args,omitempty"` // what its argument may be; nil if that is not known
}

// Flag is one option.
type Flag struct {
	Name    string   `json:"name"`
	Switch  bool     `json:"switch,omitempty"` // it needs no value
	Value   string   `json:"value,omitempty"`  // what stands for the value in a description
	Usage   string   `json:"usage"`
	Default string   `json:"default,omitempty"`
	Values  []string `json:"values,omitempty"` // what its value may be; nil if that is not known
}

// Parent is a command that has subcommands.
type Parent interface{ Subcommands() []subcommands.Command }

// Chooser is a command whose argument is one of a few words.
type Chooser interface{ Choices() []string }

// Of describes the commander's global options and its commands. A commander may
// hide what a command is behind a wrapper: one of commands with the same name
// is described in its place.
func Of(name string, cdr *subcommands.Commander, commands ...subcommands.Command) Program {
	p := Program{Name: name, Flags: []Flag{}}
	cdr.VisitAll(func(f *flag.Flag) { p.Flags = append(p.Flags, describe(f)) })
	cdr.VisitCommands(func(g *subcommands.CommandGroup, c subcommands.Command) {
		for _, own := range commands {
			if own.Name() == c.Name() {
				c = own
			}
		}
		p.Commands = append(p.Commands, commandOf(c, g.Name()))
	})
	slices.SortStableFunc(p.Commands, byName)
	p.helpKnows()
	return p
}

// helpKnows makes the commands what may follow "help".
func (p Program) helpKnows() {
	for i := range p.Commands {
		if p.Commands[i].Name == "help" {
			p.Commands[i].Args = names(p.Commands)
		}
	}
}

// Without is the program without the commands of a group.
func (p Program) Without(group string) Program {
	p.Commands = slices.DeleteFunc(slices.Clone(p.Commands), func(c Command) bool { return c.Group == group })
	p.helpKnows()
	return p
}

func byName(a, b Command) int { return strings.Compare(a.Name, b.Name) }

func names(all []Command) []string {
	var list []string
	for _, c := range all {
		list = append(list, c.Name)
	}
	return list
}

func commandOf(c subcommands.Command, group string) Command {
	d := Command{Name: c.Name(), Group: group, Synopsis: c.Synopsis(), Usage: c.Usage(), Flags: []Flag{}}
	f := flag.NewFlagSet(c.Name(), flag.ContinueOnError)
	c.SetFlags(f)
	f.VisitAll(func(f *flag.Flag) { d.Flags = append(d.Flags, describe(f)) })
	if chooser, ok := c.(Chooser); ok {
		d.Args = chooser.Choices()
	}
	if parent, ok := c.(Parent); ok {
		for _, sub := range parent.Subcommands() {
			d.Commands = append(d.Commands, commandOf(sub, ""))
		}
	} else {
		d.Commands = listed(d.Usage)
	}
	return d
}

// listed reads the subcommands of a command of the engine, which makes them only
// when it is executed, from its usage: from the list that a Commander writes.
func listed(usage string) []Command {
	var list []Command
	in := false
	for s := bufio.NewScanner(strings.NewReader(usage)); s.Scan(); {
		line := s.Text()
		switch {
		case line == "Subcommands:":
			in = true
		case !in || !strings.HasPrefix(line, "\t"):
			in = false
		default:
			name, synopsis, _ := strings.Cut(strings.TrimSpace(line), " ")
			list = append(list, Command{Name: name, Synopsis: strings.TrimSpace(synopsis), Flags: []Flag{}})
		}
	}
	return list
}
