package volumed

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
	"text/tabwriter"

	"github.com/google/subcommands"
)

// check is "volumed check".
type check struct {
	source source
	write  bool
	names  bool
}

// Name implements subcommands.Command.Name.
func (*check) Name() string { return "check" }

// Synopsis implements subcommands.Command.Synopsis.
func (*check) Synopsis() string { return "say whether a configuration and its stores work" }

// Usage implements subcommands.Command.Usage.
func (*check) Usage() string {
	return `check [options] - say whether a configuration and its stores work.

Opens every store, lists its first objects, and looks for objects whose names no
path can have. With --write it also writes, replaces and deletes one object in
each volume that is not read-only, and tries whether the store notices two
writers. The exit status is 1 if something does not work.

  volumed check --config /etc/volumed/config.json --write
  volumed check --volume photos=s3://photos?region=eu-west-1

`
}

// SetFlags implements subcommands.Command.SetFlags.
func (c *check) SetFlags(f *flag.FlagSet) {
	c.source.setFlags(f)
	f.BoolVar(&c.write, "write", false, "write, replace and delete an object")
	f.BoolVar(&c.names, "names", true, "look at the names of all objects, which takes a request for each thousand")
}

// Execute implements subcommands.Command.Execute.
func (c *check) Execute(_ context.Context, f *flag.FlagSet, _ ...any) subcommands.ExitStatus {
	if f.NArg() > 0 {
		return usageError(f, fmt.Errorf("unexpected argument %q", f.Arg(0)))
	}
	if _, err := (&logFlags{format: "text"}).logger(io.Discard); err != nil {
		return usageError(f, err)
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	err := c.check(ctx, os.Stdout)
	switch {
	case errors.Is(err, errChecked):
		return subcommands.ExitFailure
	case err != nil:
		fmt.Fprintln(os.Stderr, "volumed:", err)
		return subcommands.ExitFailure
	}
	return subcommands.ExitSuccess
}

// errChecked is for what is printed already.
var errChecked = errors.New("something does not work")

func (c *check) check(ctx context.Context, out io.Writer) error {
	s, err := c.source.load()
	if err != nil {
		return err
	}
	var all []report
	for _, name := range s.Names() {
		all = append(all, c.volume(ctx, name, s.Volumes[name]))
	}
	return print(out, all)
}

// print returns errChecked if something does not work.
func print(out io.Writer, all []report) (err error) {
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "VOLUME\tSTORE\tLIST\tWRITE\tTWO WRITERS\tNAMES")
	for _, r := range all {
		fmt.Fprintf(table, "%s\t%s\t%s\t%s\t%s\t%s\n", r.name, r.place, r.list, r.write, r.conditions, r.names)
	}
	table.Flush()
	for _, r := range all {
		if len(r.errors) > 0 {
			err = errChecked
		}
		for _, e := range r.errors {
			fmt.Fprintf(out, "\nerror: volume %s, %s: %v\n", r.name, r.store, e)
		}
		for _, w := range r.warnings {
			fmt.Fprintf(out, "\nwarning: volume %s, %s: %s\n", r.name, r.store, w)
		}
	}
	return err
}
