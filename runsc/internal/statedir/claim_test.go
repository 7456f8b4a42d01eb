package statedir

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/directfs/runsc/runsc/internal/engine"
	specs "github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"
	"gvisor.dev/gvisor/runsc/config"
	"gvisor.dev/gvisor/runsc/container"
	"gvisor.dev/gvisor/runsc/specutils"
)

const doPrefix = "runsc-do"

func isClaimedID(id string) bool { return strings.HasPrefix(id, "runsc-") }

// A directory that is claimed goes when its process has ended, and no other.
func TestSweepClaimed(t *testing.T) {
	for name, c := range map[string]struct {
		change func(t *testing.T, root string)
		stays  bool
	}{
		"left":            {func(*testing.T, string) {}, false},
		"never claimed":   {func(t *testing.T, root string) { do(t, os.Remove(filepath.Join(root, claimed))) }, true},
		"others can come": {func(t *testing.T, root string) { do(t, os.Chmod(root, 0o770)) }, true},
		"others can look": {func(t *testing.T, root string) { do(t, os.Chmod(root, 0o705)) }, true},
		"another's":       {func(t *testing.T, root string) { do(t, os.Chown(root, 1, 1)) }, true},
		"another's file":  {func(t *testing.T, root string) { do(t, os.Chown(filepath.Join(root, claimed), 1, 1)) }, true},
		"a directory":     {func(t *testing.T, root string) { do(t, os.Mkdir(filepath.Join(root, "d"), 0o700)) }, true},
		"a mount in it":   {func(t *testing.T, root string) { mountOn(t, filepath.Join(root, "volume")) }, true},
		"too many files": {func(t *testing.T, root string) {
			for i := range maxClaimed {
				do(t, os.WriteFile(filepath.Join(root, fmt.Sprint(i)), nil, 0o600))
			}
		}, true},
		"a mount": {func(t *testing.T, root string) {
			do(t, unix.Mount(root, root, "", unix.MS_BIND, ""))
			t.Cleanup(func() { do(t, unix.Unmount(root, 0)) })
		}, true},
		"being claimed": {func(t *testing.T, root string) {
			unlock, err := lockRoot(root)
			do(t, err)
			t.Cleanup(unlock)
		}, true},
		"another boot": {func(t *testing.T, root string) {
			do(t, os.WriteFile(filepath.Join(root, claimed), []byte("00000000-0000-0000-0000-000000000000"), 0o600))
		}, true},
		"a FIFO": {func(t *testing.T, root string) {
			do(t, os.Remove(filepath.Join(root, claimed)))
			do(t, unix.Mkfifo(filepath.Join(root, claimed), 0o600))
		}, true},
		"another name": {func(t *testing.T, root string) { do(t, os.Rename(root, filepath.Join(filepath.Dir(root), "x"))) }, true},
		"behind a link": {func(t *testing.T, root string) {
			do(t, os.Rename(root, filepath.Join(filepath.Dir(root), "x")))
			do(t, os.Symlink("x", root))
		}, true},
	} {
		dir := t.TempDir()
		root := claimedIn(t, dir)
		c.change(t, root)
		SweepClaimed(dir, doPrefix, isClaimedID)
		left, err := os.ReadDir(dir)
		if err != nil || (len(left) > 0) != c.stays {
			t.Errorf("%s: left %v, %v", name, left, err)
		}
		configs, err := filepath.Glob(filepath.Join(dir, "*/config.json"))
		if err != nil || c.stays && len(configs) == 0 {
			t.Errorf("%s: its file is gone, %v", name, err)
		}
	}
}

// claimedIn makes a directory that a process has claimed which has ended, and
// sees that it stays until then.
func claimedIn(t *testing.T, dir string) (root string) {
	t.Helper()
	root, err := os.MkdirTemp(dir, doPrefix)
	do(t, err)
	f, err := Claim(root)
	do(t, err)
	do(t, os.WriteFile(filepath.Join(root, "config.json"), nil, 0o600))
	SweepClaimed(dir, doPrefix, isClaimedID)
	do(t, f.Close())
	if there, err := exists(filepath.Join(root, claimed)); !there || err != nil {
		t.Errorf("while it is claimed: %t, %v", there, err)
	}
	return root
}

// mountOn mounts a file system, with a file, on a directory that it makes.
func mountOn(t *testing.T, dir string) {
	t.Helper()
	do(t, os.Mkdir(dir, 0o700))
	do(t, unix.Mount("tmpfs", dir, "tmpfs", 0, ""))
	t.Cleanup(func() { do(t, unix.Unmount(dir, 0)) })
	do(t, os.WriteFile(filepath.Join(dir, "file"), nil, 0o600))
}

// Who shares the directory for temporary files, and is root in a container,
// makes others remove nothing but what they plant there.
func TestForgedClaim(t *testing.T) {
	elsewhere := t.TempDir()
	precious, ran, volume := filepath.Join(elsewhere, "precious"), filepath.Join(elsewhere, "ran"), filepath.Join(elsewhere, "volume")
	do(t, os.WriteFile(precious, nil, 0o600))
	mountOn(t, volume)

	dir, forged := t.TempDir(), ID{ContainerID: "runsc-000000", SandboxID: "runsc-000000"}
	root := claimedIn(t, dir)
	for suffix, content := range map[string]any{
		creatingSuffix: map[string]any{"files": []string{precious}},
		engineSuffix: container.Container{ID: forged.ContainerID, Saver: container.StateFile{RootDir: root, ID: forged}, Spec: &specs.Spec{
			Hooks: &specs.Hooks{Poststop: []specs.Hook{{Path: "/bin/sh", Args: []string{"sh", "-c", "touch " + ran}}}},
		}},
	} {
		data, err := json.Marshal(content)
		do(t, err)
		do(t, os.WriteFile(path(root, forged, suffix), data, 0o600))
	}
	do(t, os.Symlink(volume, filepath.Join(root, specutils.NullNetNSFilename)))
	do(t, os.Symlink(elsewhere, filepath.Join(root, "link")))
	do(t, os.Link(precious, filepath.Join(root, "hard")))
	SweepClaimed(dir, doPrefix, isClaimedID)
	for file, want := range map[string]bool{precious: true, ran: false, filepath.Join(volume, "file"): true, root: false} {
		if there, err := exists(file); there != want || err != nil {
			t.Errorf("%s: %t, %v", file, there, err)
		}
	}
}

// Cgroups go of containers that can have been there, and no others that a name
// says.
func TestSweepClaimedCgroups(t *testing.T) {
	dir := t.TempDir()
	root := claimedIn(t, dir)
	cgroups := map[string]bool{}
	for _, id := range []string{"runsc-claimtest", "other-claimtest"} {
		do(t, os.WriteFile(path(root, ID{ContainerID: id, SandboxID: id}, engineSuffix), nil, 0o600))
		for _, cgroup := range engine.Cgroups(&config.Config{}, id, &specs.Spec{}) {
			if err := os.Mkdir(cgroup, 0o755); err != nil {
				continue // no hierarchy, or none that this process may change
			}
			t.Cleanup(func() { _ = os.Remove(cgroup) })
			cgroups[cgroup] = !isClaimedID(id)
		}
	}
	if len(cgroups) == 0 {
		t.Skip("no cgroups can be made here")
	}
	SweepClaimed(dir, doPrefix, isClaimedID)
	for cgroup, want := range cgroups {
		if there, err := exists(cgroup); there != want || err != nil {
			t.Errorf("%s: %t, %v", cgroup, there, err)
		}
	}
	expectFiles(t, dir)
}

func do(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
