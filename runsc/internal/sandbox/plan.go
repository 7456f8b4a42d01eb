// Package sandbox is the client side of the runtime: it resolves a container's
// Plan once, when the container is created, keeps it with the container, and
// launches the engine as the Plan says. Starting, restoring and joining read
// the stored Plan back and resolve nothing again.
package sandbox

import (
	"errors"
	"fmt"
	"os"
	"slices"

	"github.com/directfs/runsc/directfspolicy"
	"github.com/directfs/runsc/pkg/ociconfig"
	"github.com/directfs/runsc/runsc/internal/engine"
	"github.com/directfs/runsc/runsc/internal/layout"
	"github.com/directfs/runsc/runsc/internal/overlays"
	"github.com/directfs/runsc/runsc/internal/statedir"
	"github.com/directfs/runsc/runsc/internal/volumes"
	"github.com/google/subcommands"
	specs "github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"
	"gvisor.dev/gvisor/pkg/log"
	"gvisor.dev/gvisor/runsc/cmd/util"
	"gvisor.dev/gvisor/runsc/config"
	"gvisor.dev/gvisor/runsc/container"
	"gvisor.dev/gvisor/runsc/gvisorbinaries"
	"gvisor.dev/gvisor/runsc/specutils"
)

// decide resolves the Plan of a container that does not exist yet. All bad
// input is refused here, before anything is started. The pod must stay locked
// until the container is created.
func decide(conf *config.Config, id statedir.ID, spec *specs.Spec) (plan directfspolicy.Plan, unlock func(), err error) {
	for _, check := range []func() error{
		func() error { return refuseSidecar(conf) },
		requireKernel,
	} {
		if err := check(); err != nil {
			return directfspolicy.Plan{}, nil, err
		}
	}
	plan, err = resolve(conf, id, spec)
	if err := errors.Join(engine.CheckBundle(spec), err); err != nil {
		return directfspolicy.Plan{}, nil, err
	}
	if err := errors.Join(engine.CheckKnown(plan), engine.CheckFirstProcess(conf, spec, plan), overlays.Check(plan), volumes.Check(plan), layout.Check(plan)); err != nil {
		return directfspolicy.Plan{}, nil, err
	}
	if unlock, err = lockPod(conf, id, plan); err != nil {
		return directfspolicy.Plan{}, nil, err
	}
	for _, w := range plan.Warnings() {
		log.Warningf("directfs plan: %v", w)
	}
	for _, d := range plan.Decisions() {
		if d.Union != nil { // the runtime may have added userxattr
			log.Infof("Overlay at %q: %v; options %q", d.Mount, d.Union, d.Union.Options)
		}
	}
	if log.IsLogging(log.Debug) {
		log.Debugf("directfs plan:\n%s", plan)
	}
	return plan, unlock, nil
}

// create runs a command of the engine that creates a container, and may start
// it. It edits the spec object and the configuration that the command is about
// to use. name is the name of the command; allow says whether it can have the plan.
func create(name string, conf *config.Config, id string, spec *specs.Spec, execute func() subcommands.ExitStatus, allow ...func(directfspolicy.Plan) error) subcommands.ExitStatus {
	full := fullID(spec, id)
	plan, unlock, err := decide(conf, full, spec)
	if err != nil {
		return util.Errorf("%s: %v", name, err)
	}
	defer unlock()
	for _, check := range allow {
		if err := check(plan); err != nil {
			return util.Errorf("%s: %v", name, err)
		}
	}
	engine.ConfigureCreate(conf, plan)
	spec.Mounts = engine.LowerOverlays(spec.Mounts, plan)
	c := &creation{conf: conf, id: full, spec: spec, plan: plan, starts: name == "run"}
	if plan.Container().Scope != directfspolicy.PodMember {
		if c.files, err = prepareGoferFiles(plan); err != nil {
			return util.Errorf("%s: %v", name, err)
		}
		defer c.files.close()
	}
	if plan.Container().Scope == directfspolicy.PodMember {
		engine.HideOptions(spec) // its gofer comes when it is started
	} else {
		if err := engine.HandToGofer(plan); err != nil {
			return util.Errorf("%s: %v", name, err)
		}
		c.show = engine.HideHints(spec)
	}
	return c.run(name, execute)
}

// resolve is the one place where the runtime decides. A container that joins
// a sandbox must fit in it.
func resolve(conf *config.Config, full statedir.ID, spec *specs.Spec) (directfspolicy.Plan, error) {
	scope, err := ociconfig.Scope(spec)
	if err != nil {
		return directfspolicy.Plan{}, err
	}
	if scope != directfspolicy.PodMember {
		return ociconfig.Plan(spec, options(conf, full, nil))
	}
	id, ok := specutils.SandboxID(spec)
	if !ok {
		return directfspolicy.Plan{}, fmt.Errorf("%w: the container joins a sandbox, but no annotation names it", directfspolicy.ErrInvalidRequest)
	}
	first, err := loadFirst(conf, id)
	if err != nil {
		return directfspolicy.Plan{}, fmt.Errorf("sandbox %q, which this container wants to join: %w", id, err)
	}
	running, err := statedir.LoadPlan(first)
	if err != nil {
		return directfspolicy.Plan{}, fmt.Errorf("sandbox %q: %w", id, err)
	}
	pod, err := engine.StoredPodSpec(first.Spec)
	if err != nil {
		return directfspolicy.Plan{}, fmt.Errorf("sandbox %q: %w", id, err)
	}
	plan, err := ociconfig.Plan(spec, options(conf, full, pod))
	if err != nil {
		return directfspolicy.Plan{}, err
	}
	if err := ociconfig.Admit(running, plan); err != nil {
		return directfspolicy.Plan{}, err
	}
	return plan, nil
}

func options(conf *config.Config, full statedir.ID, pod *specs.Spec) ociconfig.Options {
	o := engine.Options(conf, pod)
	if pod != nil {
		engine.SeeLocks(&o) // they are taken when the container starts
	}
	o.Gofers = volumes.Gofers(full.ContainerID, full.SandboxID)
	return o
}

// loadFirst returns the container that a sandbox started with.
func loadFirst(conf *config.Config, id string) (*container.Container, error) {
	first := container.FullID{SandboxID: id, ContainerID: id}
	ids, err := statedir.List(conf.RootDir, id)
	if err != nil {
		return nil, err
	}
	// Loading one that does not exist would leave a lock file behind.
	if !slices.Contains(ids, first) {
		return nil, os.ErrNotExist
	}
	return container.Load(conf.RootDir, first, container.LoadOpts{Exact: true, SkipCheck: true})
}

// prepareStart reads back the Plan of a created container. The pod must stay
// locked until the container is started.
func prepareStart(conf *config.Config, c *container.Container) (plan directfspolicy.Plan, unlock func(), err error) {
	if plan, err = statedir.LoadPlan(c); err != nil {
		return directfspolicy.Plan{}, nil, err
	}
	if err := layout.Check(plan); err != nil {
		return directfspolicy.Plan{}, nil, err
	}
	if unlock, err = lockPod(conf, c.Saver.ID, plan); err != nil {
		return directfspolicy.Plan{}, nil, err
	}
	engine.ConfigureStart(conf, plan)
	return plan, unlock, nil
}

// fullID returns what a container is stored under: not a search, which takes
// the beginning of another id for this one.
func fullID(spec *specs.Spec, id string) statedir.ID {
	return statedir.ID{SandboxID: engine.SandboxID(spec, id), ContainerID: id}
}

// refuseSidecar fails where the engine would boot another program as the
// sandbox process (runsc/sandbox/sandbox.go:953), which knows no Plan.
func refuseSidecar(conf *config.Config) error {
	sentry := gvisorbinaries.GvisorSentry
	if conf.Network == config.NetworkPlugin {
		sentry = gvisorbinaries.GvisorSentryPluginStack
	}
	if path, err := sentry.Path(); err == nil {
		return fmt.Errorf("sidecar binary %q would run in place of this runtime's sandbox process and ignore the directfs plan; remove it, or install this runtime in a directory without gvisor-bin", path)
	}
	return nil
}

// requireKernel fails where the gofer could not isolate mounts from each
// other. mount_setattr(2), of Linux 5.12, is the youngest call that it takes;
// with arguments that are wrong the call changes nothing.
func requireKernel() error {
	if _, _, errno := unix.Syscall6(unix.SYS_MOUNT_SETATTR, ^uintptr(0), 0, 0, 0, 0, 0); errno == unix.ENOSYS {
		return fmt.Errorf("isolating mounts from each other needs Linux 5.12 or newer: mount_setattr: %w", errno)
	}
	return nil
}
