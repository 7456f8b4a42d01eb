// Package sandbox is the client side of the runtime: it resolves a container's
// Plan once, when the container is created, keeps it with the container, and
// launches the engine as the Plan says. Starting, restoring and joining read
// the stored Plan back and resolve nothing again.
package sandbox

import (
	"fmt"
	"os"
	"slices"

	"github.com/directfs/runsc/directfspolicy"
	"github.com/directfs/runsc/pkg/ociconfig"
	"github.com/directfs/runsc/runsc/internal/engine"
	specs "github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"
	"gvisor.dev/gvisor/pkg/log"
	"gvisor.dev/gvisor/runsc/config"
	"gvisor.dev/gvisor/runsc/container"
	"gvisor.dev/gvisor/runsc/gvisorbinaries"
	"gvisor.dev/gvisor/runsc/specutils"
)

// prepareCreate resolves the Plan of a container that does not exist yet. All
// bad input is refused here, before anything is started. Then it edits the
// spec object and the configuration that the engine is about to use.
func prepareCreate(conf *config.Config, id string, spec *specs.Spec) (directfspolicy.Plan, error) {
	if err := refuseSidecar(conf); err != nil {
		return directfspolicy.Plan{}, err
	}
	if err := requireKernel(); err != nil {
		return directfspolicy.Plan{}, err
	}
	if err := engine.CheckBundle(spec); err != nil {
		return directfspolicy.Plan{}, err
	}
	plan, err := resolve(conf, spec)
	if err != nil {
		return directfspolicy.Plan{}, err
	}
	if err := checkNeighbors(conf, memberID(spec, id), plan); err != nil {
		return directfspolicy.Plan{}, err
	}
	for _, w := range plan.Warnings() {
		log.Warningf("directfs plan: %v", w)
	}
	log.Infof("directfs plan:\n%s", plan)
	if err := engine.StorePlan(spec, plan); err != nil {
		return directfspolicy.Plan{}, err
	}
	if err := engine.HandToGofer(plan); err != nil {
		return directfspolicy.Plan{}, err
	}
	engine.ConfigureCreate(conf, plan)
	return plan, nil
}

// resolve is the one place where the runtime decides. A container that joins
// a sandbox must fit in it.
func resolve(conf *config.Config, spec *specs.Spec) (directfspolicy.Plan, error) {
	scope, err := ociconfig.Scope(spec)
	if err != nil {
		return directfspolicy.Plan{}, err
	}
	if scope != directfspolicy.PodMember {
		return ociconfig.Plan(spec, engine.Options(conf, nil))
	}
	id, ok := specutils.SandboxID(spec)
	if !ok {
		return directfspolicy.Plan{}, fmt.Errorf("%w: the container joins a sandbox, but no annotation names it", directfspolicy.ErrInvalidRequest)
	}
	first, err := loadFirst(conf, id)
	if err != nil {
		return directfspolicy.Plan{}, fmt.Errorf("sandbox %q, which this container wants to join: %w", id, err)
	}
	running, err := engine.StoredPlan(first.Spec)
	if err != nil {
		return directfspolicy.Plan{}, fmt.Errorf("sandbox %q: %w", id, err)
	}
	pod, err := engine.StoredPodSpec(first.Spec)
	if err != nil {
		return directfspolicy.Plan{}, fmt.Errorf("sandbox %q: %w", id, err)
	}
	plan, err := ociconfig.Plan(spec, engine.Options(conf, pod))
	if err != nil {
		return directfspolicy.Plan{}, err
	}
	if err := ociconfig.Admit(running, plan); err != nil {
		return directfspolicy.Plan{}, err
	}
	return plan, nil
}

// loadFirst returns the container that a sandbox started with.
func loadFirst(conf *config.Config, id string) (*container.Container, error) {
	first := container.FullID{SandboxID: id, ContainerID: id}
	sandboxes, err := container.ListSandboxes(conf.RootDir)
	if err != nil {
		return nil, err
	}
	// Loading one that does not exist would leave a lock file behind.
	if !slices.Contains(sandboxes, first) {
		return nil, os.ErrNotExist
	}
	return container.Load(conf.RootDir, first, container.LoadOpts{Exact: true, SkipCheck: true})
}

// prepareStart takes up the stored Plan of a created container.
func prepareStart(conf *config.Config, id string, spec *specs.Spec) (directfspolicy.Plan, error) {
	plan, err := engine.StoredPlan(spec)
	if err != nil {
		return directfspolicy.Plan{}, err
	}
	// Two containers that are created at the same time may not have seen each
	// other.
	if err := checkNeighbors(conf, memberID(spec, id), plan); err != nil {
		return directfspolicy.Plan{}, err
	}
	if err := engine.HandToGofer(plan); err != nil {
		return directfspolicy.Plan{}, err
	}
	engine.ConfigureStart(conf, plan)
	return plan, nil
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
