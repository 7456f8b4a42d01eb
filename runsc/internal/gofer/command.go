// Package gofer is the gofer process: it serves the mounts of one container as
// the Plan says, each with its own access, behind the seccomp sets that the
// Plan names.
package gofer

import (
	"context"
	"errors"
	"fmt"
	"os"
	"runtime"
	"runtime/debug"

	"github.com/directfs/runsc/directfspolicy"
	"github.com/directfs/runsc/runsc/internal/engine"
	"github.com/directfs/runsc/runsc/internal/preinit"
	"github.com/directfs/runsc/runsc/internal/supervise"
	"github.com/google/subcommands"
	specs "github.com/opencontainers/runtime-spec/specs-go"
	"gvisor.dev/gvisor/pkg/log"
	"gvisor.dev/gvisor/pkg/unet"
	"gvisor.dev/gvisor/pkg/urpc"
	"gvisor.dev/gvisor/runsc/cmd/sandboxsetup"
	"gvisor.dev/gvisor/runsc/cmd/util"
	"gvisor.dev/gvisor/runsc/config"
	"gvisor.dev/gvisor/runsc/flag"
	"gvisor.dev/gvisor/runsc/fsgofer/extension"
	"gvisor.dev/gvisor/runsc/profile"
	"gvisor.dev/gvisor/runsc/specutils"
)

// Command implements subcommands.Command for "gofer". The engine's client
// starts it with the engine's own command line (runsc/cmd/gofer.go:162).
type Command struct {
	util.InternalSubCommand

	bundle    string
	applyCaps bool
	setUpRoot bool
	uid, gid  int

	ioFDs      sandboxsetup.IntFlags
	mountConfs specutils.GoferMountConfFlags
	devIOFD    int
	specFD     int
	mountsFD   int
	rpcFD      int
	pinRingFD  int
	sync       syncFDs
	profile    profile.FDArgs

	// preparedFD has what an earlier run of this process prepared.
	preparedFD int

	// client is the connection to the client that started the gofer.
	client *supervise.Client

	// procUnmounter keeps the FD of the procfs unmounter from being closed
	// before the process executes itself again.
	procUnmounter *os.File
}

// syncFDs order the start-up of the gofer against its client, in this order.
type syncFDs struct {
	chroot     int // closed by the client when it has prepared the file system
	userns     int // closed by the client when the ID mappings are written
	procMount  int // written by the gofer when it no longer needs procfs
	sentryExit int // brings a pidfd of the sandbox process
}

// Name implements subcommands.Command.Name.
func (*Command) Name() string { return "gofer" }

// Synopsis implements subcommands.Command.Synopsis.
func (*Command) Synopsis() string {
	return "launch a gofer process that serves a container's files, with directfs decided per mount"
}

// Usage implements subcommands.Command.Usage.
func (*Command) Usage() string { return "gofer [flags] <container ID>\n" }

// SetFlags implements subcommands.Command.SetFlags.
func (g *Command) SetFlags(f *flag.FlagSet) {
	f.StringVar(&g.bundle, "bundle", "", "path to the root of the bundle directory")
	f.BoolVar(&g.applyCaps, "apply-caps", true, "drop all capabilities that serving files does not need")
	f.BoolVar(&g.setUpRoot, "setup-root", true, "set up an empty root for the process")
	f.IntVar(&g.uid, "uid", 0, "user ID to switch to in the user namespace")
	f.IntVar(&g.gid, "gid", 0, "group ID to switch to in the user namespace")
	f.Var(&g.ioFDs, "io-fds", "sockets of the served mounts, in the order of --gofer-mount-confs")
	f.Var(&g.mountConfs, "gofer-mount-confs", "how each mount is configured: the root first, then the mounts of the spec")
	for name, fd := range map[string]*int{
		"dev-io-fd": &g.devIOFD, "spec-fd": &g.specFD, "mounts-fd": &g.mountsFD, "rpc-fd": &g.rpcFD, "pin-ring-fd": &g.pinRingFD,
		"prepared-fd": &g.preparedFD, "sync-chroot-fd": &g.sync.chroot, "sync-userns-fd": &g.sync.userns, "proc-mount-sync-fd": &g.sync.procMount, "sync-sentry-exit-fd": &g.sync.sentryExit,
	} {
		f.IntVar(fd, name, -1, "donated FD; see the engine's gofer command. The process itself sets --prepared-fd")
	}
	g.profile.SetFromFlags(f)
	extension.SetFlags(f)
}

// Execute implements subcommands.Command.Execute. Where the process must
// change credentials in a user namespace it executes itself again; the second
// run finds the root and the trees made, and their list behind --prepared-fd.
func (g *Command) Execute(_ context.Context, f *flag.FlagSet, args ...any) subcommands.ExitStatus {
	if g.bundle == "" || len(g.ioFDs) < 1 || len(g.mountConfs) < 1 || g.specFD < 0 || f.NArg() != 1 {
		f.Usage()
		return subcommands.ExitUsageError
	}
	conf := args[0].(*config.Config)
	debug.SetTraceback(conf.Traceback)
	log.Debugf("Bounding set trimmed beforehand: %t", preinit.Trimmed())
	client, err := supervise.Join(supervise.Gofer, conf.AlsoLogToStderr)
	if err != nil {
		util.Fatalf("gofer: %v", err)
	}
	g.client = client
	if err := g.run(f, conf); err != nil {
		util.Fatalf("gofer: %v", err)
	}
	return subcommands.ExitSuccess
}

func (g *Command) run(f *flag.FlagSet, conf *config.Config) error {
	specFile := os.NewFile(uintptr(g.specFD), "spec file")
	// A second run of this process uses the FD as well.
	defer runtime.KeepAlive(specFile)
	spec, err := specutils.ReadSpecFromFile(g.bundle, specFile, conf)
	if err != nil {
		return fmt.Errorf("reading spec: %w", err)
	}
	answer := g.client.AwaitReady()
	plan, err := engine.TakeInGofer(answer.Data)
	if err != nil {
		return fmt.Errorf("directfs plan: %w", err)
	}
	engine.TakeBack() // hooks come next
	spec.Mounts = engine.LowerOverlays(spec.Mounts, plan)
	pairs, err := engine.PairMounts(spec.Mounts, g.mountConfs, plan)
	if err != nil {
		return err
	}
	conns, err := g.connections(conf, spec, pairs, plan)
	if err != nil {
		return err
	}
	if err := findVolumes(conns, f.Arg(0), engine.SandboxID(spec, f.Arg(0))); err != nil {
		return err
	}
	reexec := g.applyCaps && (config.CgoEnabled || g.sync.userns >= 0)
	if err := g.await(); err != nil {
		return err
	}
	sock, err := unet.NewSocket(g.rpcFD)
	if err != nil {
		return fmt.Errorf("creating RPC socket: %w", err)
	}
	client := urpc.NewClient(sock)
	defer runtime.KeepAlive(client)
	tell := func(mounts []specs.Mount) error {
		if reexec {
			return nil // the next run will
		}
		if err := openVolumes(conns); err != nil {
			return err
		}
		// From here on the sandbox process may wait for daemons. That of a pod does
		// not end with the client.
		g.client.BeforeExit(func() { hangUpAll(conns) })
		return g.sendMounts(mounts, pairs, plan)
	}
	mounts, err := g.mounts(conf, spec, f.Arg(0), plan, conns, answer.Files, byClient(client), tell)
	if err != nil {
		return err
	}
	extra, err := extension.PrepareGofer(extension.GoferPrepareContext{Spec: spec, ContainerID: f.Arg(0), BundleDir: g.bundle})
	if err != nil {
		return fmt.Errorf("preparing gofer extensions: %w", err)
	}
	if reexec {
		if err := g.client.KeepOverExec(); err != nil {
			return fmt.Errorf("keeping the connection to the client: %w", err)
		}
		if err := engine.HandToGofer(plan); err != nil {
			return err
		}
		return g.again(f, conf, mounts, extra.FlagOverrides)
	}
	spec.Mounts = mounts.Mounts
	// Not before here: the second run would find another file behind the FD.
	client.Close()
	return g.serve(conf, spec, specFile, plan, conns)
}

// mounts makes the mounts, or takes up what an earlier run of this process made.
func (g *Command) mounts(conf *config.Config, spec *specs.Spec, id string, plan directfspolicy.Plan, conns []connection, connected []*os.File, open opener, tell func([]specs.Mount) error) (prepared, error) {
	if conf.TestOnlyAllowRunAsCurrentUserWithoutChroot {
		return prepared{}, errors.New("mounts cannot be kept apart with --TESTONLY-unsafe-nonroot; run without it")
	}
	if g.setUpRoot {
		return g.prepare(conf, spec, id, plan, conns, connected, open, tell)
	}
	p, err := takePrepared(g.preparedFD, conns)
	if err != nil {
		return p, err
	}
	return p, tell(p.Mounts)
}

// serve locks the process down and serves until the sandbox is gone.
func (g *Command) serve(conf *config.Config, spec *specs.Spec, specFile *os.File, plan directfspolicy.Plan, conns []connection) error {
	profileOpts := profile.MakeOpts(&g.profile, conf.ProfileGCInterval)
	stopProfiling := profile.Start(profileOpts)
	specutils.LogSpecDebug(spec, conf.OCISeccomp)
	if err := g.dropPrivileges(conf, specFile); err != nil {
		return err
	}
	base := fileServer(conf)
	if err := g.installFilter(conf, plan, profileOpts.Enabled()); err != nil {
		return err
	}
	if err := serveConnections(base, spec, conns); err != nil {
		return err
	}
	g.awaitSandbox()
	if stopProfiling != nil {
		stopProfiling()
	}
	return nil
}

func wrap(what string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s: %w", what, err)
}
