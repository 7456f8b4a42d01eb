package sandbox

import (
	"fmt"

	"github.com/directfs/runsc/directfspolicy"
	"github.com/directfs/runsc/runsc/internal/engine"
	"gvisor.dev/gvisor/runsc/config"
	"gvisor.dev/gvisor/runsc/container"
)

// checkNeighbors fails where a container that joins a sandbox does not go
// together with one that is there. Those that have ended do not count.
func checkNeighbors(conf *config.Config, id container.FullID, plan directfspolicy.Plan) error {
	if plan.Scope() != directfspolicy.PodMember {
		return nil
	}
	all, err := container.LoadSandbox(conf.RootDir, id.SandboxID, container.LoadOpts{})
	if err != nil {
		return fmt.Errorf("loading containers of sandbox %q: %w", id.SandboxID, err)
	}
	for _, c := range all {
		if c.ID == id.ContainerID {
			continue
		}
		other, err := engine.StoredPlan(c.Spec)
		if err != nil {
			return fmt.Errorf("container %q of the same sandbox: %w", c.ID, err)
		}
		if err := plan.Coexist("", other, c.ID); err != nil && !ended(conf, id.SandboxID, c.ID) {
			return err
		}
	}
	return nil
}

// ended reports whether the container is known to run no longer.
func ended(conf *config.Config, sandboxID, id string) bool {
	c, err := container.Load(conf.RootDir, container.FullID{SandboxID: sandboxID, ContainerID: id}, container.LoadOpts{Exact: true})
	return err == nil && c.Status == container.Stopped
}
