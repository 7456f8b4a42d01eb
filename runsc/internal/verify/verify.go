package verify

import (
	"fmt"

	"gvisor.dev/gvisor/runsc/config"
)

// verify compares a container, or all of its sandbox.
func verify(conf *config.Config, id string, all bool, maxDirectories int) (*Report, error) {
	at, err := locate(conf, id)
	if err != nil {
		return nil, err
	}
	p, m, err := load(at)
	if err != nil {
		return nil, err
	}
	r := &Report{Root: at.root, Sandbox: p.first.ID}
	held, err := r.sandbox(p, maxDirectories)
	if err != nil {
		return nil, stillRunning(p, err)
	}
	targets := []member{m}
	if all {
		targets = p.members
	}
	for _, m := range targets {
		r.Containers = append(r.Containers, m.ID)
		r.about("container %s (%v, --directfs-hints=%v)", m.ID, m.plan.Container().Scope, m.plan.Container().Ceiling)
		r.mountRows(m, held)
		r.servedRows(m)
		r.about("gofer %d of container %s", m.GoferPid.Load(), m.ID)
		if err := r.goferRows(m); err != nil {
			return nil, stillRunning(p, err)
		}
	}
	return r, nil
}

// stillRunning tells a sandbox that ended while it was looked at from other
// errors.
func stillRunning(p pod, err error) error {
	if gone(err) && !p.first.IsSandboxRunning() {
		return fail(exitNotRunning, "sandbox %q ended: %w", p.first.ID, err)
	}
	return err
}

// sandbox compares the sandbox process with the Plan of the pod's first
// container, and its directories with the mounts of all containers.
func (r *Report) sandbox(p pod, maxDirectories int) (heldFiles, error) {
	pid := p.first.Sandbox.Getpid()
	process, err := readProcess(pid)
	if gone(err) {
		return heldFiles{}, fail(exitNotRunning, "sandbox %q ended: %w", p.first.ID, err)
	}
	if err != nil {
		return heldFiles{}, fmt.Errorf("looking at sandbox process %d: %w", pid, err)
	}
	held, err := readHeld(pid)
	if err != nil {
		return held, err
	}
	plan := p.first.plan
	r.about("sandbox process %d, by the plan of container %s (raised: %t, --directfs-hints=%v)", pid, p.first.ID, plan.Sandbox().Raised, plan.Container().Ceiling)
	r.sandboxCapabilities(process, plan)
	if err := r.sandboxIDs(process, plan); err != nil {
		return held, err
	}
	if err := r.sandboxUserNS(process, plan, p.first.Spec); err != nil {
		return held, err
	}
	if err := r.directories(held, process, p, maxDirectories); err != nil {
		return held, err
	}
	r.seccomp(process, sentryExpectation(plan))
	return held, nil
}
