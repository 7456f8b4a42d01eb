package sandbox

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/directfs/runsc/directfspolicy"
	"github.com/directfs/runsc/runsc/internal/statedir"
	"golang.org/x/sys/unix"
	"gvisor.dev/gvisor/runsc/config"
	"gvisor.dev/gvisor/runsc/container"
)

// lockPod fails where a container that joins a sandbox does not go together
// with one that is there; those that have ended do not count. Until unlock is
// called no other container can join for which that would change.
//
// The lock is on the state file of the sandbox's first container, which the
// engine locks another file for and replaces only with the sandbox. Containers
// whose mounts are all cached for sharing get along with each other, so they
// share the lock.
func lockPod(conf *config.Config, id statedir.ID, plan directfspolicy.Plan) (unlock func(), err error) {
	if plan.Container().Scope != directfspolicy.PodMember {
		return func() {}, nil
	}
	first, err := os.Open(filepath.Join(conf.RootDir, id.SandboxID+"_sandbox:"+id.SandboxID+".state"))
	if err != nil {
		return nil, fmt.Errorf("sandbox %q, which this container wants to join: %w", id.SandboxID, err)
	}
	how := unix.LOCK_SH
	if wantsExclusive(plan) {
		how = unix.LOCK_EX
	}
	for err = unix.EINTR; err == unix.EINTR; {
		err = unix.Flock(int(first.Fd()), how)
	}
	if err != nil {
		first.Close()
		return nil, fmt.Errorf("locking sandbox %q: %w", id.SandboxID, err)
	}
	if err := checkNeighbors(conf, id, plan); err != nil {
		first.Close()
		return nil, err
	}
	return func() { first.Close() }, nil
}

// wantsExclusive reports whether a user promised to be alone in changing files;
// the rootfs, whose default is an exclusive cache too, promises nothing.
func wantsExclusive(plan directfspolicy.Plan) bool {
	for _, d := range plan.Decisions() {
		if _, hinted := d.WhyCache.Hint(); hinted && d.Cache == directfspolicy.CacheExclusive {
			return true
		}
	}
	return false
}

func checkNeighbors(conf *config.Config, id statedir.ID, plan directfspolicy.Plan) error {
	all, err := loadSandbox(conf, id.SandboxID)
	if err != nil {
		return fmt.Errorf("loading containers of sandbox %q: %w", id.SandboxID, err)
	}
	for _, c := range all {
		if c.ID == id.ContainerID {
			continue
		}
		other, err := statedir.LoadPlan(c)
		if err != nil {
			return fmt.Errorf("container %q of the same sandbox: %w", c.ID, err)
		}
		if err := plan.Coexist("", other, c.ID); err != nil && !ended(conf, id.SandboxID, c.ID) {
			return err
		}
	}
	return nil
}

// loadSandbox loads the containers of a sandbox. The engine's own function also
// loads those of sandboxes whose ids begin with this one's
// (runsc/container/state_file.go:150).
func loadSandbox(conf *config.Config, sandboxID string) ([]*container.Container, error) {
	ids, err := statedir.List(conf.RootDir, sandboxID)
	if err != nil {
		return nil, err
	}
	var all []*container.Container
	for _, id := range ids {
		c, err := container.Load(conf.RootDir, id, container.LoadOpts{Exact: true, SkipCheck: true})
		if errors.Is(err, os.ErrNotExist) {
			continue // deleted meanwhile
		}
		if err != nil {
			return nil, err
		}
		all = append(all, c)
	}
	return all, nil
}

// ended reports whether the container is known to run no longer.
func ended(conf *config.Config, sandboxID, id string) bool {
	c, err := container.Load(conf.RootDir, statedir.ID{SandboxID: sandboxID, ContainerID: id}, container.LoadOpts{Exact: true})
	return err == nil && c.Status == container.Stopped
}
