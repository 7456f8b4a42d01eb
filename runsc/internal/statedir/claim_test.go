package statedir

import (
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"
)

// A directory that is claimed goes when its process has ended, and no other.
func TestSweepClaimed(t *testing.T) {
	for name, c := range map[string]struct {
		change func(t *testing.T, root string)
		stays  bool
	}{
		"left":            {func(*testing.T, string) {}, false},
		"never claimed":   {func(t *testing.T, root string) { do(t, os.Remove(filepath.Join(root, claimed))) }, true},
		"others can come": {func(t *testing.T, root string) { do(t, os.Chmod(root, 0o770)) }, true},
		"another's":       {func(t *testing.T, root string) { do(t, os.Chown(root, 1, 1)) }, true},
		"another's file":  {func(t *testing.T, root string) { do(t, os.Chown(filepath.Join(root, claimed), 1, 1)) }, true},
		"a mount in it": {func(t *testing.T, root string) {
			volume := filepath.Join(root, "volume")
			do(t, os.Mkdir(volume, 0o700))
			do(t, unix.Mount("tmpfs", volume, "tmpfs", 0, ""))
			t.Cleanup(func() { do(t, unix.Unmount(volume, 0)) })
			do(t, os.WriteFile(filepath.Join(volume, "file"), nil, 0o600))
		}, true},
		"another name": {func(t *testing.T, root string) { do(t, os.Rename(root, filepath.Join(filepath.Dir(root), "x"))) }, true},
	} {
		dir := t.TempDir()
		root, err := os.MkdirTemp(dir, "runsc-do")
		do(t, err)
		f, err := Claim(root)
		do(t, err)
		do(t, os.WriteFile(filepath.Join(root, "config.json"), nil, 0o600))
		SweepClaimed(dir, "runsc-do")
		do(t, f.Close())
		if there, err := exists(root); !there || err != nil {
			t.Errorf("%s: while it is claimed: %t, %v", name, there, err)
		}
		c.change(t, root)
		SweepClaimed(dir, "runsc-do")
		left, err := os.ReadDir(dir)
		if err != nil || (len(left) > 0) != c.stays {
			t.Errorf("%s: left %v, %v", name, left, err)
		}
		if _, err := os.Stat(filepath.Join(root, "volume/file")); name == "a mount in it" && err != nil {
			t.Errorf("the file in the mount: %v", err)
		}
	}
}

func do(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
