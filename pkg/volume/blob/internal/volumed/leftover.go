package volumed

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"

	"github.com/directfs/runsc/pkg/volume/blob/internal/disk"
)

// staged returns how many files a directory of a use has that are perhaps not in
// the store, and notes what they take of the volume's share. disk.ErrBusy: a worker
// has it.
func staged(dir string) (int, error) {
	d, err := disk.Open(filepath.Join(dir, "data"), disk.Limits{Changed: func(int64, int64) {}, Evicted: func() {}})
	if err != nil {
		return 0, err
	}
	left, err := d.Leftovers()
	return len(left), errors.Join(err, writeShare(dir, d.Taken()), d.Close())
}

// everyUse calls f with the directories of all uses of all volumes, also of those
// that are no longer in the settings.
func (d stateDir) everyUse(f func(dir string) error) error {
	volumes, err := os.ReadDir(d.volumes())
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	var all []error
	for _, v := range volumes {
		uses, err := d.uses(v.Name())
		all = append(all, err)
		for _, dir := range uses {
			all = append(all, f(dir))
		}
	}
	return errors.Join(all...)
}

// dying is how long the workers of a daemon that was killed may take to end. The
// kernel kills them, but nobody waits for them.
const dying = 5 * time.Second

// awaitWorkers returns when no directory is in use, or after a while. There is
// nothing to wait on but the locks, which cannot be waited for with a limit.
func (d stateDir) awaitWorkers(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, dying)
	defer cancel()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	return d.everyUse(func(dir string) error {
		for busy(dir) {
			select {
			case <-tick.C:
			case <-ctx.Done():
				return nil // somebody else's; the sweeper leaves it alone
			}
		}
		return nil
	})
}

func busy(dir string) bool {
	lock, err := lockDir(dir)
	if err != nil {
		return errors.Is(err, unix.EWOULDBLOCK)
	}
	defer lock.Close()
	_, err = staged(dir)
	return errors.Is(err, disk.ErrBusy)
}

// removeEmpty removes the directories that have nothing but cached files. No
// worker may run.
func (d stateDir) removeEmpty() error {
	return d.everyUse(func(dir string) error {
		lock, err := lockDir(dir)
		if err != nil {
			return err
		}
		defer lock.Close()
		if n, err := staged(dir); err != nil || n > 0 {
			return err
		}
		return os.RemoveAll(dir)
	})
}
