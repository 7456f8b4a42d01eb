package verify

import (
	"context"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/google/subcommands"
	"golang.org/x/sys/unix"
	"gvisor.dev/gvisor/runsc/config"
	"gvisor.dev/gvisor/runsc/flag"
)

// command implements subcommands.Command for "verify".
type command struct {
	all             bool
	verbose         bool
	strict          bool
	format          string
	allowUnverified string
	maxDirectories  int
}

// Command returns the "verify" command.
func Command() subcommands.Command { return &command{} }

// Name implements subcommands.Command.Name.
func (*command) Name() string { return "verify" }

// Synopsis implements subcommands.Command.Synopsis.
func (*command) Synopsis() string {
	return "compare a running container with its stored directfs plan"
}

// Usage implements subcommands.Command.Usage.
func (*command) Usage() string {
	return `verify [flags] <container-id> - compare a running container with its stored directfs plan

Compares the mounts as the sentry has them, the privileges, open directories
and seccomp filters of the sandbox process, the container's gofer and what it
serves. The sandbox process is compared with the plan of the sandbox's first
container. Without the runtime's --root, the container is looked for where
docker, containerd, Kubernetes and podman have their runtimes keep theirs. The
beginning of an id is enough if only one container's id begins like that.

EXIT STATUS:
  0  all is as planned
  1  something differs
  2  bad arguments
  3  no such container, or more than one
  4  the container is not running
  5  a stored plan cannot be read
  6  no permission
  7  something could not be looked at (see --allow-unverified) or, with
     --strict, cannot be seen
`
}

// SetFlags implements subcommands.Command.SetFlags.
func (c *command) SetFlags(f *flag.FlagSet) {
	f.BoolVar(&c.all, "all", false, "compare every running container of the sandbox that the container is in")
	f.StringVar(&c.format, "format", "text", "output `FORMAT`: text or json")
	f.BoolVar(&c.verbose, "verbose", false, "write what was planned and what is for every item, also where they agree")
	f.BoolVar(&c.strict, "strict", false, "count what nobody can see from outside (notes) as not verified")
	f.StringVar(&c.allowUnverified, "allow-unverified", "",
		"`CHECKS` that need not be verified for exit status 0, comma-separated ("+checkList()+", or all)")
	f.IntVar(&c.maxDirectories, "max-directories", 200000, "how many directories, `N`, to look at for what the sandbox could reach")
}

func checkList() string {
	var names []string
	for _, c := range checks {
		names = append(names, string(c))
	}
	return strings.Join(names, ", ")
}

// Execute implements subcommands.Command.Execute.
func (c *command) Execute(_ context.Context, f *flag.FlagSet, args ...any) subcommands.ExitStatus {
	conf, ws := args[0].(*config.Config), args[1].(*unix.WaitStatus)
	status, err := c.run(conf, f, os.Stdout)
	if err != nil {
		status = exitStatus(err)
		fmt.Fprintf(os.Stderr, "verify: %v\n", err)
	}
	*ws = unix.WaitStatus(status << 8)
	return subcommands.ExitSuccess
}

func (c *command) write(r *Report, out *os.File) error {
	if c.format == "json" {
		return r.JSON(out)
	}
	return r.Text(out, widthOf(out), c.verbose)
}

func (c *command) run(conf *config.Config, f *flag.FlagSet, out *os.File) (int, error) {
	allowed, err := c.allowed()
	switch {
	case err != nil:
		return 0, err
	case f.NArg() != 1:
		return 0, fail(exitUsage, "want one container id, got %d arguments; see runsc policy verify --help", f.NArg())
	case c.format != "text" && c.format != "json":
		return 0, fail(exitUsage, "unknown format %q: use text or json", c.format)
	case c.maxDirectories <= 0:
		return 0, fail(exitUsage, "--max-directories=%d is not positive", c.maxDirectories)
	case os.Geteuid() != 0:
		return 0, fail(exitPermission, "looking into another user's processes takes root; the effective user id is %d", os.Geteuid())
	}
	report, err := verify(conf, f.Arg(0), c.all, c.maxDirectories)
	if err != nil {
		return 0, err
	}
	report.Strict = c.strict
	report.finish()
	if err := c.write(report, out); err != nil {
		return 0, err
	}
	switch {
	case report.Verdict == Differs:
		return exitDiffers, nil
	case report.unverifiedBeyond(allowed):
		fmt.Fprintln(os.Stderr, "verify: nothing differs, but not all could be verified; --allow-unverified=CHECKS accepts that")
		return exitUnverified, nil
	}
	return exitOK, nil
}

// allowed parses --allow-unverified.
func (c *command) allowed() ([]Check, error) {
	switch c.allowUnverified {
	case "":
		return nil, nil
	case "all":
		return checks, nil
	}
	var list []Check
	for name := range strings.SplitSeq(c.allowUnverified, ",") {
		if !slices.Contains(checks, Check(name)) {
			return nil, fail(exitUsage, "--allow-unverified: unknown check %q: use %s, or all", name, checkList())
		}
		list = append(list, Check(name))
	}
	return list, nil
}
