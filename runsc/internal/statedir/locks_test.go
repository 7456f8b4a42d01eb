package statedir

import (
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"
)

func TestSweepLocks(t *testing.T) {
	id := ID{ContainerID: "member", SandboxID: "pod"}
	for name, c := range map[string]struct {
		change func(root, lock string)
		stays  bool
	}{
		"left":           {func(string, string) {}, false},
		"a container":    {func(root, _ string) { do(t, os.WriteFile(path(root, id, engineSuffix), nil, 0o600)) }, true},
		"being created":  {func(root, _ string) { do(t, os.WriteFile(path(root, id, creatingSuffix), nil, 0o600)) }, true},
		"another's file": {func(_, lock string) { do(t, os.Chown(lock, 1, 1)) }, true},
		"a link": {func(root, lock string) {
			do(t, os.Rename(lock, filepath.Join(root, "file")))
			do(t, os.Symlink("file", lock))
		}, true},
		"locked": {func(_, lock string) {
			f, err := os.OpenFile(lock, os.O_RDWR, 0)
			do(t, err)
			t.Cleanup(func() { f.Close() })
			do(t, flock(f, unix.LOCK_EX|unix.LOCK_NB))
		}, true},
		"drawn": {func(root, lock string) {
			do(t, os.Rename(lock, path(root, ID{ContainerID: "drawn", SandboxID: "drawn"}, lockSuffix)))
		}, true},
	} {
		t.Run(name, func(t *testing.T) {
			root := t.TempDir()
			lock := path(root, id, lockSuffix)
			do(t, os.WriteFile(lock, nil, 0o600))
			c.change(root, lock)
			SweepLocks(root, func(id string) bool { return id == "drawn" })
			left, err := filepath.Glob(filepath.Join(root, "*"+lockSuffix))
			if err != nil || (len(left) == 1) != c.stays {
				t.Errorf("left: %q, %v", left, err)
			}
		})
	}
	SweepLocks(filepath.Join(t.TempDir(), "absent"), nil)
}
