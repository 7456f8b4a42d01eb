package gofer

import (
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/directfs/runsc/directfspolicy"
	"github.com/directfs/runsc/runsc/internal/engine"
	"github.com/directfs/runsc/runsc/internal/engine/filters"
	specs "github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"
	"gvisor.dev/gvisor/pkg/log"
	"gvisor.dev/gvisor/pkg/pinring"
	"gvisor.dev/gvisor/pkg/unet"
	"gvisor.dev/gvisor/pkg/urpc"
	"gvisor.dev/gvisor/runsc/cmd/sandboxsetup"
	"gvisor.dev/gvisor/runsc/config"
	"gvisor.dev/gvisor/runsc/container"
	"gvisor.dev/gvisor/runsc/flag"
	"gvisor.dev/gvisor/runsc/fsgofer"
	"gvisor.dev/gvisor/runsc/fsgofer/extension"
	"gvisor.dev/gvisor/runsc/fsgofer/filter"
	"gvisor.dev/gvisor/runsc/specutils"
)

// capabilities are what serving files takes (capabilities(7)); chroot is used
// once, on the way to the served root.
func capabilities(conf *config.Config) *specs.LinuxCapabilities {
	all := []string{"CAP_CHOWN", "CAP_DAC_OVERRIDE", "CAP_DAC_READ_SEARCH", "CAP_FOWNER", "CAP_FSETID", "CAP_SYS_CHROOT"}
	caps := &specs.LinuxCapabilities{Bounding: all, Effective: all, Permitted: all, Inheritable: all, Ambient: all}
	if conf.GetHostUDS().AllowOpen() {
		// Connecting to a host socket as the container's user.
		ids := []string{"CAP_SETUID", "CAP_SETGID"}
		caps = specutils.MergeCapabilities(caps, &specs.LinuxCapabilities{Bounding: ids, Effective: ids, Permitted: ids})
	}
	return caps
}

// await waits for the client to prepare the file system and the user
// namespace.
func (g *Command) await() error {
	if fd := g.sync.chroot; fd >= 0 {
		if err := sandboxsetup.WaitForFD(fd, "chroot sync FD"); err != nil {
			return fmt.Errorf("waiting for the file system: %w", err)
		}
		g.sync.chroot = -1
	}
	if fd := g.sync.userns; fd >= 0 {
		sandboxsetup.SyncUsernsForRootless(fd, uint32(g.uid), uint32(g.gid))
		g.sync.userns = -1
	}
	return nil
}

// setUp builds the gofer's root with all mounts in it, unless an earlier run
// of this process did. It returns the connection to the client.
func (g *Command) setUp(f *flag.FlagSet, conf *config.Config, spec *specs.Spec, reexec bool) (*urpc.Client, error) {
	sock, err := unet.NewSocket(g.rpcFD)
	if err != nil {
		return nil, fmt.Errorf("creating RPC socket: %w", err)
	}
	client := urpc.NewClient(sock)
	if !g.setUpRoot {
		return client, nil
	}
	open := func(m *specs.Mount, flags uint32) (*os.File, error) { return openByClient(client, m, flags) }
	if err := sandboxsetup.SetupRootFS(spec, conf, g.mountConfs, g.devIOFD, open, f.Arg(0), g.bundle); err != nil {
		return nil, fmt.Errorf("setting up root FS: %w", err)
	}
	if reexec && !conf.TestOnlyAllowRunAsCurrentUserWithoutChroot {
		return client, g.spawnProcUnmounter()
	}
	return client, nil
}

// isolate serves each connection from a copy of its mount that is apart from
// the others. Where an earlier run of this process made the copies, they are
// taken up.
func (g *Command) isolate(conf *config.Config, spec *specs.Spec, conns []connection, reexec bool) error {
	if conf.TestOnlyAllowRunAsCurrentUserWithoutChroot {
		log.Warningf("Mounts are not isolated from each other in test mode. This is only safe in tests!")
		return nil
	}
	if !g.setUpRoot {
		served := strings.Split(g.served, ",")
		if len(served) != len(conns) {
			return fmt.Errorf("%d isolated mounts for %d connections", len(served), len(conns))
		}
		for i := range conns {
			conns[i].served = served[i]
		}
		return nil
	}
	// The FD of the namespace stays open until the process ends.
	namespace, err := isolate(mountRoot(conf, spec), conns)
	if err != nil || !reexec {
		return err
	}
	kept := []int{namespace}
	served := make([]string, len(conns))
	for i, c := range conns {
		served[i] = c.served
		if fd, ok := treeFD(c.served); ok {
			kept = append(kept, fd)
		}
	}
	for _, fd := range kept {
		if fd < 0 {
			continue
		}
		if _, err := unix.FcntlInt(uintptr(fd), unix.F_SETFD, 0); err != nil {
			return fmt.Errorf("keeping the trees: %w", err)
		}
	}
	g.served = strings.Join(served, ",")
	return nil
}

// openByClient asks the client to open a mount source that the gofer's user
// namespace may not reach.
func openByClient(rpc *urpc.Client, m *specs.Mount, flags uint32) (*os.File, error) {
	var res container.OpenMountResult
	if err := rpc.Call("goferToHostRPC.OpenMount", &container.OpenMountArgs{Mount: m, Flags: flags}, &res); err != nil {
		return nil, fmt.Errorf("opening %s: %w", m.Source, err)
	}
	if len(res.Files) != 1 {
		return nil, fmt.Errorf("opening %s: got %d files, want 1", m.Source, len(res.Files))
	}
	return res.Files[0], nil
}

// spawnProcUnmounter starts the process that unmounts procfs when the second
// run of this one, which may no longer do so, asks for it.
func (g *Command) spawnProcUnmounter() error {
	_, w := sandboxsetup.ExecProcUmounter()
	if _, err := unix.FcntlInt(w.Fd(), unix.F_SETFD, 0); err != nil {
		return fmt.Errorf("keeping the FD of the procfs unmounter: %w", err)
	}
	g.sync.procMount = int(w.Fd())
	g.procUnmounter = w
	return nil
}

// dropPrivileges leaves the process with the served root, no procfs and the
// capabilities to serve files.
func (g *Command) dropPrivileges(conf *config.Config, root string, specFile *os.File) error {
	inHostRoot := conf.TestOnlyAllowRunAsCurrentUserWithoutChroot
	// Modes arrive with the container's umask applied.
	unix.Umask(0)
	procFD := sandboxsetup.ProcFDBindMount
	if inHostRoot {
		procFD = "/proc/self/fd"
	}
	if err := fsgofer.OpenProcSelfFD(procFD); err != nil {
		return fmt.Errorf("opening %s: %w", procFD, err)
	}
	var caps *sandboxsetup.ResolvedThreadCaps
	if g.applyCaps {
		var err error
		if caps, err = sandboxsetup.ResolveThreadCaps(capabilities(conf), nil); err != nil {
			return fmt.Errorf("resolving capabilities: %w", err)
		}
	}
	switch {
	case g.sync.procMount >= 0:
		sandboxsetup.UmountProc(g.sync.procMount)
	case g.setUpRoot && !inHostRoot:
		sandboxsetup.UmountProcInProcess()
	}
	if caps != nil {
		if err := caps.Apply(nil); err != nil {
			return fmt.Errorf("applying capabilities to all threads: %w", err)
		}
	}
	if err := limitFDs(conf.FDLimit); err != nil {
		return err
	}
	if err := unix.Chroot(root); err != nil {
		return fmt.Errorf("chroot to %q: %w", root, err)
	}
	if err := unix.Chdir("/"); err != nil {
		return fmt.Errorf("changing the working directory: %w", err)
	}
	return wrap("closing the spec", specFile.Close())
}

// limitFDs applies --fdlimit. A limit above the hard limit is left alone, as
// the engine does.
func limitFDs(limit int) error {
	if limit < 0 {
		return nil
	}
	err := unix.Setrlimit(unix.RLIMIT_NOFILE, &unix.Rlimit{Cur: uint64(limit), Max: uint64(limit)})
	if err == unix.EPERM {
		log.Warningf("FD limit %d is above the hard limit; leaving the limit as it is", limit)
		return nil
	}
	return wrap("setting RLIMIT_NOFILE", err)
}

// installFilter installs the seccomp sets that the Plan names for this gofer.
func (g *Command) installFilter(conf *config.Config, plan directfspolicy.Plan, profiling bool) error {
	base := filter.Options{
		UDSOpenEnabled:   conf.GetHostUDS().AllowOpen(),
		UDSCreateEnabled: conf.GetHostUDS().AllowCreate(),
		ProfileEnabled:   profiling,
		CgoEnabled:       config.CgoEnabled,
	}
	for _, e := range extension.Registered() {
		base.ExtraRules = append(base.ExtraRules, e.SeccompRules())
	}
	log.Infof("Gofer seccomp sets: %v", plan.Gofer())
	opts := engine.GoferFilter(base, plan)
	if err := filters.RegisterGofer(); err != nil {
		return err
	}
	narrow, err := engine.NarrowGofer(plan)
	if err != nil {
		return fmt.Errorf("seccomp filter: %w", err)
	}
	if narrow != nil {
		if err := narrow.Install(nil); err != nil {
			return fmt.Errorf("installing stacked seccomp filter: %w", err)
		}
	}
	return wrap("installing seccomp filter", filter.Install(opts))
}

// awaitSandbox keeps the gofer until the sandbox process has exited, because
// the gofer should be the last to hold the pin ring (pkg/pinring).
func (g *Command) awaitSandbox() {
	const patience = 500 * time.Millisecond
	if g.sync.sentryExit >= 0 && !pinring.WaitExit(g.sync.sentryExit, patience) {
		log.Warningf("Sandbox still runs %v after its gofer connections closed; exiting anyway.", patience)
	}
}
