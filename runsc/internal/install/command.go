// Package install is the commands "runsc install" and "runsc uninstall": they
// put this runtime into the configuration of Docker, podman or containerd, and
// take it out again.
//
// Docker is the default, with the flags of the engine's own commands, so that
// scripts for upstream's runsc go on working.
package install

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/directfs/runsc/runsc/internal/install/files"
	"github.com/directfs/runsc/runsc/internal/plain"
	"github.com/google/subcommands"
	specs "github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"
	"gvisor.dev/gvisor/runsc/cmd"
	"gvisor.dev/gvisor/runsc/cmd/util"
	"gvisor.dev/gvisor/runsc/config"
	"gvisor.dev/gvisor/runsc/flag"
)

// selectors are the flags that both commands have in addition to the engine's.
type selectors struct {
	client       string
	dryRun       bool
	discardEdits bool
}

func (s *selectors) setFlags(f *flag.FlagSet, edits string) {
	f.StringVar(&s.client, "client", "docker", "whose configuration is changed: docker, podman or containerd")
	f.BoolVar(&s.dryRun, "dry-run", false, "print what would change, as a unified diff, and change nothing")
	f.BoolVar(&s.discardEdits, "discard-edits", false, edits)
	// The engine's flags name one client's file.
	f.Lookup("config_file").Usage = "the client's configuration file (default: docker /etc/docker/daemon.json, podman " +
		defaultFile(podman{}, "NAME") + ", containerd /etc/containerd/config.toml)"
	f.Lookup("config_file").DefValue = ""
}

// installCommand is "install".
type installCommand struct {
	engine cmd.Install // its flags
	selectors
}

// Install returns the "install" command.
func Install() util.SubCommand { return new(installCommand) }

// Name implements subcommands.Command.Name.
func (*installCommand) Name() string { return "install" }

// Synopsis implements subcommands.Command.Synopsis.
func (*installCommand) Synopsis() string {
	return "adds this runtime to the configuration of docker, podman or containerd"
}

// Usage implements subcommands.Command.Usage.
func (*installCommand) Usage() string {
	return `install [--client=docker|podman|containerd] [--runtime=NAME] [--config_file=FILE] [--dry-run] [flags] [-- runtime flags]

Adds this runtime to the configuration of a container engine. The flags after
"--" are those with which the engine calls it. "runsc uninstall" undoes it.

`
}

// SetFlags implements subcommands.Command.SetFlags.
func (c *installCommand) SetFlags(f *flag.FlagSet) {
	c.engine.SetFlags(f)
	c.setFlags(f, "write over what somebody has changed inside of what an earlier install wrote")
	f.Lookup("clobber").Usage = "replace a runtime of the same name that somebody else has configured (default: true for docker, false for the others)"
	f.Lookup("clobber").DefValue = "false" // so that help does not print a second default
	f.Lookup("experimental").Usage = "docker: set experimental"
	f.Lookup("cgroupdriver").Usage = "docker: set this cgroup driver"
	for _, name := range []string{"download-sidecars", "require-sidecars", "sidecar-url"} {
		f.Lookup(name).Usage = "for scripts that use upstream's runsc: this runtime has no sidecar binaries, and ALWAYS is refused"
	}
}

// FetchSpec implements util.SubCommand.FetchSpec. There is no container.
func (*installCommand) FetchSpec(*config.Config, *flag.FlagSet) (string, *specs.Spec, error) {
	return "", nil, nil
}

// Execute implements subcommands.Command.Execute.
func (c *installCommand) Execute(_ context.Context, f *flag.FlagSet, args ...any) subcommands.ExitStatus {
	t := &task{runtime: c.engine.Runtime, flags: f.Args(), experimental: c.engine.Experimental, cgroupDriver: c.engine.CgroupDriver}
	t.clobber = c.engine.Clobber && (given(f, "clobber") || c.client == "docker")
	err := t.common(&c.selectors, f, c.engine.ConfigFile)
	if err == nil {
		err = c.check(t, args[0].(*config.Config))
	}
	if err == nil {
		err = t.install(files.Disk{})
	}
	return finish("install", err, args)
}

// check refuses flags that mean nothing for the client, or nothing good for any.
func (c *installCommand) check(t *task, conf *config.Config) error {
	if c.client != "docker" {
		for name, isSet := range map[string]bool{"experimental": c.engine.Experimental, "cgroupdriver": c.engine.CgroupDriver != ""} {
			if isSet {
				return usagef("--%s is about docker's daemon.json; leave it out with --client=%s", name, c.client)
			}
		}
	}
	for name, policy := range map[string]config.SidecarReleasePolicy{"download-sidecars": c.engine.DownloadSidecars, "require-sidecars": c.engine.RequireSidecars} {
		if policy == config.SidecarReleaseAlways {
			return fmt.Errorf("--%s=%s: gVisor's gvisor-bin/ has a sandbox program that would run in place of this runtime's, so this runtime works without that directory; allowed: %s, %s",
				name, policy, config.SidecarReleaseNever, config.SidecarReleaseIfReleaseBuild)
		}
	}
	return t.checkProgram(conf)
}

// uninstallCommand is "uninstall".
type uninstallCommand struct {
	engine cmd.Uninstall // its flags
	selectors
}

// Uninstall returns the "uninstall" command.
func Uninstall() util.SubCommand { return new(uninstallCommand) }

// Name implements subcommands.Command.Name.
func (*uninstallCommand) Name() string { return "uninstall" }

// Synopsis implements subcommands.Command.Synopsis.
func (*uninstallCommand) Synopsis() string {
	return "removes this runtime from the configuration of docker, podman or containerd"
}

// Usage implements subcommands.Command.Usage.
func (*uninstallCommand) Usage() string {
	return `uninstall [--client=docker|podman|containerd] [--runtime=NAME] [--config_file=FILE] [--dry-run] [flags]

Removes what "runsc install" has put into the configuration of a container
engine. Where nobody has changed a file since, it is as it was before to the
byte.

`
}

// SetFlags implements subcommands.Command.SetFlags.
func (c *uninstallCommand) SetFlags(f *flag.FlagSet) {
	c.engine.SetFlags(f)
	c.setFlags(f, "remove what an earlier install wrote even if somebody has changed it")
}

// FetchSpec implements util.SubCommand.FetchSpec. There is no container.
func (*uninstallCommand) FetchSpec(*config.Config, *flag.FlagSet) (string, *specs.Spec, error) {
	return "", nil, nil
}

// Execute implements subcommands.Command.Execute.
func (c *uninstallCommand) Execute(_ context.Context, f *flag.FlagSet, args ...any) subcommands.ExitStatus {
	t := &task{runtime: c.engine.Runtime}
	err := t.common(&c.selectors, f, c.engine.ConfigFile)
	// The engine's help shows a name here, which it then ignores.
	switch name := f.Arg(0); {
	case err != nil:
	case f.NArg() > 1:
		err = usagef("unexpected argument %q; allowed: one name of a runtime", f.Arg(1))
	case name != "" && given(f, "runtime") && name != t.runtime:
		err = usagef("--runtime=%q and %q: two names of runtimes; remove one after the other", t.runtime, name)
	case name != "":
		t.runtime = name
		err = t.common(&c.selectors, f, c.engine.ConfigFile)
	}
	if err == nil {
		t.program, err = os.Executable()
	}
	if err == nil {
		err = t.uninstall(files.Disk{})
	}
	return finish("uninstall", err, args)
}

// given reports whether a flag is on the command line.
func given(f *flag.FlagSet, name string) bool {
	var is bool
	f.Visit(func(fl *flag.Flag) { is = is || fl.Name == name })
	return is
}

// runtimeName is what a name may be: it is a file's name, and Kubernetes and
// the engines have narrower rules still.
var runtimeName = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9_.-]{0,62}$`)

// common fills in what both commands have.
func (t *task) common(s *selectors, f *flag.FlagSet, file string) error {
	t.out, t.err = os.Stdout, os.Stderr
	t.dryRun, t.discardEdits = s.dryRun, s.discardEdits
	var ok bool
	if t.client, ok = clients[s.client]; !ok {
		return usagef("--client=%q: unknown client; allowed: %s", s.client, strings.Join(clientNames(), ", "))
	}
	if !runtimeName.MatchString(t.runtime) || slices.Contains(t.client.reserved(), t.runtime) {
		return usagef("--runtime=%q: not a name for a runtime; allowed: letters, digits, '.', '_' and '-', at most 63 of them%s",
			t.runtime, butNot(t.client.reserved()))
	}
	if !given(f, "config_file") {
		file = defaultFile(t.client, t.runtime)
	}
	if file == "" {
		return usagef("--config_file=%q: empty; leave it out for %s", file, defaultFile(t.client, t.runtime))
	}
	var err error
	t.file, err = filepath.Abs(file)
	return err
}

func butNot(names []string) string {
	if len(names) == 0 {
		return ""
	}
	return ", but not " + strings.Join(names, ", ")
}

// usageError is about the call.
type usageError struct{ error }

// Unwrap returns the error itself.
func (e usageError) Unwrap() error { return e.error }

func usagef(format string, args ...any) error { return usageError{fmt.Errorf(format, args...)} }

// finish prints an error and ends the process with 2 if it is about the call,
// and with 1, as upstream does, if something else is wrong.
func finish(command string, err error, args []any) subcommands.ExitStatus {
	if err == nil {
		return subcommands.ExitSuccess
	}
	code := 1
	if errors.As(err, new(usageError)) {
		code = 2
	}
	fmt.Fprintf(os.Stderr, "%s: %s\n", command, plain.Lines(err.Error()))
	// The engine's command line ends with 128 for every other status.
	*args[1].(*unix.WaitStatus) = unix.WaitStatus(code << 8)
	return subcommands.ExitSuccess
}
