package statedir

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/directfs/runsc/runsc/internal/engine"
	specs "github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"
	"gvisor.dev/gvisor/runsc/config"
)

// A directory whose process died while the engine created the container, before
// it was claimed, goes with its cgroups. One in which the engine is at work
// stays.
func TestSweepUnclaimed(t *testing.T) {
	id := ID{ContainerID: "runsc-unclaimed", SandboxID: "runsc-unclaimed"}
	for name, c := range map[string]struct {
		change func(t *testing.T, root, lock string)
		stays  bool
	}{
		"left": {func(*testing.T, string, string) {}, false},
		"young": {func(t *testing.T, _, lock string) {
			do(t, os.Chtimes(lock, time.Time{}, time.Now().Add(-unclaimedAge/2)))
		}, true},
		"locked": {func(t *testing.T, _, lock string) {
			f, err := os.OpenFile(lock, os.O_RDWR, 0)
			do(t, err)
			t.Cleanup(func() { f.Close() })
			do(t, flock(f, unix.LOCK_EX|unix.LOCK_NB))
		}, true},
		"a container is there": {func(t *testing.T, root, _ string) {
			do(t, os.WriteFile(path(root, id, engineSuffix), nil, 0o600))
		}, true},
		"another's lock": {func(t *testing.T, _, lock string) { do(t, os.Chown(lock, 1, 1)) }, true},
		"another's id": {func(t *testing.T, root, lock string) {
			do(t, os.Rename(lock, path(root, ID{ContainerID: "other", SandboxID: "other"}, lockSuffix)))
		}, true},
		"no lock":     {func(t *testing.T, _, lock string) { do(t, os.Remove(lock)) }, true},
		"a directory": {func(t *testing.T, root, _ string) { do(t, os.Mkdir(filepath.Join(root, "d"), 0o700)) }, true},
	} {
		dir := t.TempDir()
		root, cgroups := unclaimedIn(t, dir, id)
		c.change(t, root, path(root, id, lockSuffix))
		SweepClaimed(dir, doPrefix, isClaimedID)
		for _, file := range append(cgroups, root) {
			if there, err := exists(file); there != c.stays || err != nil {
				t.Errorf("%s: %s: %t, %v", name, file, there, err)
			}
		}
		for _, cgroup := range cgroups {
			_ = os.Remove(cgroup)
		}
	}
}

// What a command that drew an id left in a root directory that others have goes,
// and nothing of theirs.
func TestSweepUnclaimedInRootOfOthers(t *testing.T) {
	id, other := ID{ContainerID: "runsc-unclaimed", SandboxID: "runsc-unclaimed"}, ID{ContainerID: "other", SandboxID: "other"}
	for name, c := range map[string]struct {
		change func(t *testing.T, root string)
		stays  bool
	}{
		"left":                 {func(*testing.T, string) {}, false},
		"a container is there": {func(t *testing.T, root string) { do(t, os.WriteFile(path(root, id, engineSuffix), nil, 0o600)) }, true},
		"being created":        {func(t *testing.T, root string) { do(t, os.WriteFile(path(root, id, creatingSuffix), nil, 0o600)) }, true},
	} {
		root, cgroups := unclaimedIn(t, t.TempDir(), id)
		others := path(root, other, lockSuffix)
		do(t, os.WriteFile(others, nil, 0o600))
		do(t, os.Chtimes(others, time.Time{}, time.Now().Add(-2*unclaimedAge)))
		c.change(t, root)
		SweepUnclaimed(root, isClaimedID)
		for _, file := range append(cgroups, path(root, id, lockSuffix), filepath.Join(root, "runsc-"+id.SandboxID+".sock")) {
			if there, err := exists(file); there != c.stays || err != nil {
				t.Errorf("%s: %s: %t, %v", name, file, there, err)
			}
		}
		for _, file := range []string{others, filepath.Join(root, "config.json")} {
			if there, err := exists(file); !there || err != nil {
				t.Errorf("%s: %s: %t, %v", name, file, there, err)
			}
		}
		for _, cgroup := range cgroups {
			_ = os.Remove(cgroup)
		}
	}
}

// unclaimedIn makes what a process leaves that dies while the engine starts the
// gofer, long ago.
func unclaimedIn(t *testing.T, dir string, id ID) (root string, cgroups []string) {
	t.Helper()
	root, err := os.MkdirTemp(dir, doPrefix)
	do(t, err)
	lock := path(root, id, lockSuffix)
	for _, file := range []string{lock, filepath.Join(root, "config.json"), filepath.Join(root, "runsc-"+id.SandboxID+".sock")} {
		do(t, os.WriteFile(file, nil, 0o600))
	}
	do(t, os.Chtimes(lock, time.Time{}, time.Now().Add(-2*unclaimedAge)))
	for _, cgroup := range engine.Cgroups(&config.Config{}, id.ContainerID, &specs.Spec{}) {
		if os.Mkdir(cgroup, 0o755) == nil { // else no hierarchy, or none that this process may change
			cgroups = append(cgroups, cgroup)
		}
	}
	return root, cgroups
}
