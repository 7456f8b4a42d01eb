package sandbox

import (
	"github.com/directfs/runsc/runsc/internal/statedir"
	"gvisor.dev/gvisor/pkg/log"
	"gvisor.dev/gvisor/runsc/container"
)

// removeMemberCgroups removes, while a sandbox is destroyed, the cgroups of
// containers that joined it. They are in that of the pod, which the engine made
// where no kubelet has, and tries to remove for five seconds. Who deletes the
// others at the same time, as containerd does when a pod's shims are gone, waits
// for the lock of the first one before it gets there (runsc/container/
// container.go:2141), so that each would wait for the other.
func removeMemberCgroups(root string, first *container.Container) {
	if first.Sandbox == nil || !first.Sandbox.IsRootContainer(first.ID) {
		return
	}
	ids, err := statedir.List(root, first.Sandbox.ID)
	if err != nil {
		log.Warningf("Looking for containers of sandbox %q: %v", first.Sandbox.ID, err)
		return
	}
	for _, id := range ids {
		if id.ContainerID == first.ID {
			continue
		}
		c, err := statedir.Peek(root, id)
		if err != nil || c.CompatCgroup.Cgroup == nil {
			continue // it is deleted meanwhile, or has none
		}
		// It tries until the container's gofer has ended, too.
		go func() { _ = c.CompatCgroup.Cgroup.Uninstall() }()
	}
}
