// Package cli is the runtime's command line: our commands where directfs is
// concerned, the engine's for everything else.
package cli

import (
	"fmt"
	"os"
	"runtime/debug"
	"slices"
	"strconv"

	"github.com/directfs/runsc/pkg/volume"
	"github.com/directfs/runsc/runsc/internal/boot"
	"github.com/directfs/runsc/runsc/internal/engine"
	"github.com/directfs/runsc/runsc/internal/gofer"
	"github.com/directfs/runsc/runsc/internal/install"
	"github.com/directfs/runsc/runsc/internal/node"
	"github.com/directfs/runsc/runsc/internal/preinit"
	"github.com/directfs/runsc/runsc/internal/sandbox"
	"github.com/directfs/runsc/runsc/internal/supervise"
	"github.com/directfs/runsc/runsc/internal/volumes"
	"github.com/directfs/runsc/runsc/internal/webhook"
	"github.com/google/subcommands"
	enginecli "gvisor.dev/gvisor/runsc/cli"
	"gvisor.dev/gvisor/runsc/cmd"
	"gvisor.dev/gvisor/runsc/cmd/alias"
	"gvisor.dev/gvisor/runsc/cmd/nvproxy"
	"gvisor.dev/gvisor/runsc/cmd/profile"
	"gvisor.dev/gvisor/runsc/cmd/sentry/sentrycmd"
	"gvisor.dev/gvisor/runsc/cmd/trace"
	"gvisor.dev/gvisor/runsc/cmd/util"
	"gvisor.dev/gvisor/runsc/flag"
	"gvisor.dev/gvisor/runsc/specutils"

	// The program is the first process of some containers, too; main is not
	// reached then.
	_ "github.com/directfs/runsc/runsc/internal/firstprocess"

	// Sidecars that the engine can run from within this binary.
	_ "gvisor.dev/gvisor/runsc/gvisorbinaries/embed"
)

// Main runs the command that the process's arguments name, and exits.
func Main() {
	if slices.ContainsFunc(os.Args, startsProcesses) {
		// Supervision needs the numbers where a container has more than a few
		// mounts.
		go preinit.GrowFDTable(1000)
	}
	switch os.Args[0] {
	case "runsc-gofer": // runsc/container/container.go:1561
		supervise.SpeakEarly(supervise.Gofer)
		os.Args = engine.GoferArgs(os.Args)
	case "runsc-sandbox": // runsc/sandbox/sandbox.go:982
		supervise.SpeakEarly(supervise.Sandbox)
	}
	alias.HandleAlias()
	flag.Var(versionFlag{}, "version", "show version and exit.")
	flag.Var(&engine.Hints, "directfs-hints", "hints about directfs and cache modes that may count: all (default), narrow (none that asks for directfs where --directfs=false) or none")
	flag.Var(&engine.Overlay, "overlay-driver", "who makes one tree of a mount of type overlay, where the mount does not say: host, sentry or auto")
	flag.Var(volumes.Daemons, "volume-daemon", "a daemon that serves volumes, NAME=unix:PATH; may be repeated, or have several with commas between them")
	reportFlagErrors()
	enginecli.Run(nil, commands(), []subcommands.Command{new(cmd.Platforms), new(cmd.Syscalls)})
}

// RegisterVolumes lets this program serve volumes: mounts with the hint
// gofer=NAME/VOLUME. It must be called before Main, and panics if the backend has
// no name that a hint can use, or one that is taken.
func RegisterVolumes(b volume.Backend) { volumes.Register(b) }

// startsProcesses reports whether an argument looks like a command that creates
// a container. Nothing but time depends on it.
func startsProcesses(arg string) bool {
	return slices.Contains([]string{"create", "run", "restore", "do"}, arg)
}

const internalGroup = "internal use only"

// commands is every command by its group, as the engine has them in
// runsc/cli/maincli.
func commands() map[util.SubCommand]string {
	table := map[util.SubCommand]string{}
	add := func(group string, cmds ...util.SubCommand) {
		for _, c := range cmds {
			table[c] = group
		}
	}
	add("", sandbox.Create(), sandbox.Run(), sandbox.Start(), sandbox.Restore(), sandbox.Do(), sandbox.SandboxExec())
	add("", sandbox.Delete(), sandbox.Kill(), sandbox.Clean(new(cmd.List)), sandbox.Clean(new(cmd.State)))
	add("", new(cmd.Checkpoint), sandbox.Tidy(new(cmd.Events)), sandbox.Tidy(sandbox.Exec()), sandbox.Tidy(new(cmd.PS)),
		sandbox.Tidy(new(cmd.Pause)), sandbox.Tidy(new(cmd.Resume)), new(cmd.Spec), new(cmd.Update), sandbox.Tidy(new(cmd.Wait)),
		new(cmd.FSCheckpoint), new(cmd.PortForward), new(cmd.Read), new(cmd.Tar))
	add("helpers", install.Install(), new(cmd.Mitigate), install.Uninstall(), new(nvproxy.Nvproxy), new(trace.Trace),
		new(cmd.CPUFeatures), new(features))
	addCompletion(add, table)
	add("debug", new(cmd.Debug), new(profile.Profile), new(cmd.Statefile), new(cmd.Symbolize), new(cmd.Usage),
		new(cmd.ReadControl), new(cmd.WriteControl))
	add("metrics", new(cmd.MetricMetadata), new(cmd.MetricExport), new(cmd.MetricServer))
	add("kubernetes", webhook.Command(), node.Command())
	add(internalGroup, new(boot.Boot), new(gofer.Command), new(sentrycmd.Umount))
	for c, group := range alias.Commands() {
		table[c] = group
	}
	return table
}

// Version is this runtime's own version. A release build sets it with
// -ldflags=-X.
var Version = "devel"

// versionFlag prints our version and the engine's as soon as it is set: the
// engine's own flag would print only the latter.
type versionFlag struct{}

func (versionFlag) String() string   { return "false" }
func (versionFlag) IsBoolFlag() bool { return true }

// Get implements flag.Getter, which the engine asks of this flag.
func (versionFlag) Get() any { return false }

func (versionFlag) Set(s string) error {
	if show, err := strconv.ParseBool(s); err != nil || !show {
		return err
	}
	// The first line has the form that clients parse.
	fmt.Printf("runsc version %s\nspec: %s\nengine: %s\n", Version, specutils.Version, engineVersion())
	os.Exit(0)
	return nil
}

// engineVersion names the engine's module as it was linked.
func engineVersion() string {
	const module = "gvisor.dev/gvisor"
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, m := range info.Deps {
			if m.Path == module {
				return module + " " + m.Version
			}
		}
	}
	return module + " of unknown version"
}
