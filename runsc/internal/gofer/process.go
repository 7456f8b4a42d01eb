package gofer

import (
	"fmt"
	"os"
	"time"

	"github.com/directfs/runsc/directfspolicy"
	"github.com/directfs/runsc/runsc/internal/engine"
	"github.com/directfs/runsc/runsc/internal/engine/filters"
	"github.com/directfs/runsc/runsc/internal/volumes"
	specs "github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"
	"gvisor.dev/gvisor/pkg/log"
	"gvisor.dev/gvisor/pkg/pinring"
	"gvisor.dev/gvisor/runsc/cmd/sandboxsetup"
	"gvisor.dev/gvisor/runsc/config"
	"gvisor.dev/gvisor/runsc/fsgofer"
	"gvisor.dev/gvisor/runsc/fsgofer/extension"
	"gvisor.dev/gvisor/runsc/fsgofer/filter"
)

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

// sendMounts tells the sandbox what is mounted and how. A sandbox's first
// container sends to our own boot, a joining one to the engine's client.
func (g *Command) sendMounts(mounts []specs.Mount, pairs []engine.Pair, plan directfspolicy.Plan) error {
	message := engine.FirstMessage
	if plan.Container().Scope == directfspolicy.PodMember {
		message = engine.JoiningMessage
	}
	b, err := message(mounts, pairs, plan)
	if err != nil {
		return fmt.Errorf("lowering mounts: %w", err)
	}
	// A list that does not fit in the pipe would block until the sandbox
	// process reads it, and there is no need to wait for that.
	go func() {
		file := os.NewFile(uintptr(g.mountsFD), "mounts file")
		defer file.Close()
		if _, err := file.Write(b); err != nil {
			log.Warningf("Sending mounts: %v", err)
			os.Exit(1)
		}
	}()
	return nil
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
func (g *Command) dropPrivileges(conf *config.Config, specFile *os.File) error {
	// Modes arrive with the container's umask applied.
	unix.Umask(0)
	if err := fsgofer.OpenProcSelfFD(sandboxsetup.ProcFDBindMount); err != nil {
		return fmt.Errorf("opening %s: %w", sandboxsetup.ProcFDBindMount, err)
	}
	var caps *sandboxsetup.ResolvedThreadCaps
	if g.applyCaps {
		var err error
		if caps, err = sandboxsetup.ResolveThreadCaps(engine.GoferCapabilities(conf), nil); err != nil {
			return fmt.Errorf("resolving capabilities: %w", err)
		}
	}
	switch {
	case g.sync.procMount >= 0:
		sandboxsetup.UmountProc(g.sync.procMount)
	case g.setUpRoot:
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
	if err := unix.Chroot(servedDir); err != nil {
		return fmt.Errorf("chroot to %q: %w", servedDir, err)
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
	more := volumes.Calls(plan)
	if len(more) > 0 {
		rules, err := engine.CallRules(more)
		if err != nil {
			return err
		}
		base.ExtraRules = append(base.ExtraRules, rules)
	}
	log.Infof("Gofer seccomp sets: %v, and %v", plan.Gofer(), more)
	opts := engine.GoferFilter(base, plan)
	if err := filters.RegisterGofer(); err != nil {
		return err
	}
	narrow, err := engine.NarrowGofer(plan, more)
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
