package volumed

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"github.com/directfs/runsc/pkg/volume/blob/internal/disk"
	"github.com/directfs/runsc/pkg/volume/blob/internal/volumed/settings"
)

// sweepEvery is how often the daemon looks for what workers left, beside the
// times when one has ended.
const sweepEvery = time.Minute

// sweeper uploads what workers left that did not end in good order, and removes
// their directories. What cannot be uploaded stays, and is logged once.
type sweeper struct {
	server *server
	ctx    context.Context // of the daemon: sweeps outlast who waits for them
	count  func(volume string, r recovered)

	mu      sync.Mutex
	running map[string]chan struct{} // by volume; closed when the sweep has ended
	told    map[string]bool          // what was logged
	sweeps  sync.WaitGroup
}

func newSweeper(ctx context.Context, s *server, count func(string, recovered)) *sweeper {
	return &sweeper{server: s, ctx: ctx, count: count, running: map[string]chan struct{}{}, told: map[string]bool{}}
}

// run sweeps all volumes now, when woken, and now and then, until the context
// ends.
func (w *sweeper) run(wake <-chan struct{}) {
	w.reportUnknown()
	tick := time.NewTicker(sweepEvery)
	defer tick.Stop()
	for {
		for _, name := range w.server.settings.Names() {
			w.start(name)
		}
		select {
		case <-wake:
		case <-tick.C:
		case <-w.ctx.Done():
			w.sweeps.Wait()
			return
		}
	}
}

// wait returns when a volume is swept.
func (w *sweeper) wait(ctx context.Context, volume string) error {
	select {
	case <-w.start(volume):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// start begins a sweep, unless there is one, and returns what is closed at its
// end.
func (w *sweeper) start(volume string) <-chan struct{} {
	w.mu.Lock()
	defer w.mu.Unlock()
	if done := w.running[volume]; done != nil {
		return done
	}
	done := make(chan struct{})
	w.running[volume] = done
	w.sweeps.Go(func() {
		w.sweep(volume)
		w.mu.Lock()
		defer w.mu.Unlock()
		delete(w.running, volume)
		close(done)
	})
	return done
}

func (w *sweeper) sweep(volume string) {
	log := w.server.log.With("volume", volume)
	uses, err := w.server.dir.uses(volume)
	if err != nil {
		log.Error("looking for what workers left", "error", err)
	}
	for _, dir := range uses {
		if w.ctx.Err() != nil {
			return
		}
		if err := w.sweepUse(volume, dir, log); err != nil {
			w.tell(dir+err.Error(), func() {
				log.Error("files that a worker left stay where they are", "directory", dir, "error", err)
			})
		}
	}
}

// sweepUse does nothing for a directory that is in use.
func (w *sweeper) sweepUse(volume, dir string, log *slog.Logger) error {
	lock, err := lockDir(dir)
	if err != nil {
		if errors.Is(err, unix.EWOULDBLOCK) {
			return nil
		}
		return err
	}
	defer lock.Close()
	n, err := staged(dir)
	switch {
	case errors.Is(err, disk.ErrBusy):
		return nil
	case err != nil:
		return err
	case n == 0:
		return os.RemoveAll(dir)
	}
	v := w.server.settings.Volumes[volume]
	if err := mayUpload(v, dir); err != nil {
		return fmt.Errorf("%d staged files: %w", n, err)
	}
	return w.recover(volume, v, dir, log)
}

func (w *sweeper) recover(volume string, v settings.Volume, dir string, log *slog.Logger) error {
	log.Info("uploading what a worker left", "directory", dir)
	store, err := openStore(w.ctx, v)
	if err != nil {
		return err
	}
	defer store.Bucket.Close()
	o := &observer{progress: newProgress(log, w.server.progress)}
	r, err := recoverFiles(w.ctx, config(v, store, filepath.Join(dir, "data"), log, o))
	w.count(volume, r)
	log.Info("uploaded what a worker left", "directory", dir, "uploaded", r.uploaded, "kept", r.kept)
	if err != nil || r.kept > 0 {
		return err
	}
	return os.RemoveAll(dir)
}

// staged returns how many files a directory of a use has that are perhaps not in
// the store. disk.ErrBusy: a worker has it.
func staged(dir string) (int, error) {
	d, err := disk.Open(filepath.Join(dir, "data"), disk.Limits{Changed: func(int64, int64) {}, Evicted: func() {}})
	if err != nil {
		return 0, err
	}
	left, err := d.Leftovers()
	return len(left), errors.Join(err, d.Close())
}

// mayUpload refuses to write files of one store into another.
func mayUpload(v settings.Volume, dir string) error {
	of, err := os.ReadFile(filepath.Join(dir, "store"))
	switch {
	case err != nil:
		return err
	case string(of) != identity(v):
		return fmt.Errorf("they are of another store or prefix (%q), and the volume's settings have changed; "+
			"set them back until the files are uploaded, or remove the directory", of)
	case v.ReadOnly:
		return errors.New("the volume has become read-only; make it writable until they are uploaded, or remove the directory")
	}
	return nil
}

// reportUnknown logs the directories of volumes that are no longer configured.
func (w *sweeper) reportUnknown() {
	entries, err := os.ReadDir(w.server.dir.volumes())
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		w.server.log.Error("looking for what workers left", "error", err)
	}
	for _, e := range entries {
		if slices.Contains(w.server.settings.Names(), e.Name()) {
			continue
		}
		w.server.log.Warn("there are files of a volume that is not in the settings; they stay where they are",
			"volume", e.Name(), "directory", filepath.Join(w.server.dir.volumes(), e.Name()))
	}
}

func (w *sweeper) tell(what string, f func()) {
	w.mu.Lock()
	told := w.told[what]
	w.told[what] = true
	w.mu.Unlock()
	if !told {
		f()
	}
}
