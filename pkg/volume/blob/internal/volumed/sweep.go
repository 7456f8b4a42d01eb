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

	"github.com/directfs/runsc/pkg/volume/blob"
	"github.com/directfs/runsc/pkg/volume/blob/internal/disk"
	"github.com/directfs/runsc/pkg/volume/blob/internal/volumed/settings"
)

const (
	// sweepEvery is how often the daemon looks for what workers left, beside the
	// times when one has ended.
	sweepEvery = time.Minute

	// retryAfter is when it tries again to upload what could not be: most reasons
	// are for people to remove.
	retryAfter = 10 * time.Minute
)

// sweeper uploads what workers left that were killed, and removes the
// directories of all that have ended. What cannot be uploaded stays.
type sweeper struct {
	server *server
	ctx    context.Context // of the daemon: sweeps outlast who waits for them

	// These are told what became of each file, and how many stay.
	count func(volume string, o blob.Outcome)
	kept  func(volume string, n int)
	taken func(volume string, bytes int64) // by staged files

	mu      sync.Mutex
	running map[string]chan struct{} // by volume; closed when the sweep has ended
	last    map[string]attempt       // by directory: where files had to stay
	sweeps  sync.WaitGroup
}

type attempt struct {
	at   time.Time
	kept int
}

func newSweeper(ctx context.Context, s *server, e *events) *sweeper {
	return &sweeper{server: s, ctx: ctx, count: e.countRecovered, kept: e.setKept, taken: e.setTaken,
		running: map[string]chan struct{}{}, last: map[string]attempt{}}
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
	total := 0
	for _, dir := range uses {
		if w.ctx.Err() != nil {
			return
		}
		total += w.sweepUse(volume, dir, log)
	}
	w.kept(volume, total)
	if taken, err := shares(filepath.Join(w.server.dir.volumes(), volume)); err != nil {
		log.Error("adding up what staged files take", "error", err)
	} else {
		w.taken(volume, taken)
	}
}

// sweepUse returns how many files stay in a directory. One that is in use is
// left alone, and one in which files had to stay, for a while.
func (w *sweeper) sweepUse(volume, dir string, log *slog.Logger) (kept int) {
	w.mu.Lock()
	last, ok := w.last[dir]
	w.mu.Unlock()
	if ok && time.Since(last.at) < retryAfter {
		return last.kept
	}
	lock, err := lockDir(dir)
	if err == nil {
		defer lock.Close()
		kept, err = w.sweepLocked(volume, dir, log)
	}
	if errors.Is(err, unix.EWOULDBLOCK) || errors.Is(err, disk.ErrBusy) {
		return 0
	}
	if err != nil {
		log.Error("files that a worker left stay where they are", "directory", dir, "error", err)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if kept > 0 {
		w.last[dir] = attempt{time.Now(), kept}
	} else {
		delete(w.last, dir)
	}
	return kept
}

func (w *sweeper) sweepLocked(volume, dir string, log *slog.Logger) (kept int, err error) {
	n, err := staged(dir)
	if err != nil {
		return 0, err
	}
	v := w.server.settings.Volumes[volume]
	if n == 0 || storeScheme(v) == "mem" {
		return 0, os.RemoveAll(dir) // what is in memory ended with its worker
	}
	if err := mayUpload(v, dir); err != nil {
		return n, fmt.Errorf("%d staged files: %w", n, err)
	}
	if kept, err = w.recover(volume, v, dir, log); err != nil {
		return n, err
	}
	if kept > 0 {
		_, err = staged(dir)
	}
	return kept, err
}

// recover uploads what is staged, and removes the directory if nothing is left.
func (w *sweeper) recover(volume string, v settings.Volume, dir string, log *slog.Logger) (kept int, err error) {
	store, err := openStore(w.ctx, v)
	if err != nil {
		return 0, err
	}
	defer store.Bucket.Close()
	o := &observer{progress: newProgress(log, w.server.progress)}
	files, err := blob.Recover(w.ctx, config(v, store, filepath.Join(dir, "data"), log, o))
	if err != nil {
		return 0, err
	}
	for _, f := range files {
		w.count(volume, f.Outcome)
		switch f.Outcome {
		case blob.Uploaded, blob.Present, blob.Discarded:
		default:
			kept++
		}
	}
	if kept > 0 {
		return kept, nil
	}
	return 0, os.RemoveAll(dir)
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
