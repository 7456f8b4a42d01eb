package lab

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// prefix begins the names of machines' directories and cgroups.
const prefix = "lab"

// sweep removes what is left of machines whose first process was killed: empty
// cgroups and an empty directory. It is known by the lock that nobody has.
func sweep() {
	dirs, _ := filepath.Glob(filepath.Join(os.TempDir(), prefix+"[0-9]*"))
	for _, dir := range dirs {
		lock, err := flock(dir)
		if err != nil {
			continue // it is in use, or gone
		}
		if h, err := cgroupsNamed(filepath.Base(dir)); err == nil && h.empty() && h.remove() == nil {
			_ = os.Remove(dir) // fails if there is something in it
		}
		lock.Close()
	}
}

// empty reports whether no process is in any of the cgroups.
func (h hierarchies) empty() bool {
	for _, one := range h {
		err := filepath.WalkDir(one.group, func(path string, e fs.DirEntry, err error) error {
			if err != nil || !e.IsDir() {
				return err
			}
			if pids, err := os.ReadFile(filepath.Join(path, "cgroup.procs")); err != nil || len(pids) > 0 {
				return fmt.Errorf("%s: %q, %w", path, pids, err)
			}
			return nil
		})
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return false
		}
	}
	return true
}

// flock locks a machine's directory, if nobody else has.
func flock(dir string) (*os.File, error) {
	f, err := os.Open(dir)
	if err != nil {
		return nil, err
	}
	if err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		f.Close()
		return nil, fmt.Errorf("lock %s: %w", dir, err)
	}
	return f, nil
}
