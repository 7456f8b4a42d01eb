package volumed

import (
	"context"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"time"

	"github.com/directfs/runsc/pkg/volume"
	"github.com/directfs/runsc/pkg/volume/blob"
	"github.com/directfs/runsc/pkg/volume/blob/internal/stores"
	"github.com/directfs/runsc/pkg/volume/blob/internal/volumed/metrics"
	"github.com/directfs/runsc/pkg/volume/blob/internal/volumed/settings"
	gocloud "gocloud.dev/blob"
)

// server answers which volumes there are, and opens them. The same is in the
// daemon's process and in each worker; only the daemon's has a sweeper.
type server struct {
	settings settings.Settings
	dir      stateDir
	log      *slog.Logger
	progress time.Duration // between two lines about a transfer
	sweeper  *sweeper
}

// resolve implements volume.Resolver.
func (s *server) resolve(_ context.Context, r volume.Request) (volume.Source, error) {
	v, ok := s.settings.Volumes[r.Volume]
	if !ok {
		return volume.Source{}, fmt.Errorf("no volume is called %q: %w", r.Volume, fs.ErrNotExist)
	}
	// Without a container, somebody only wants to know what one would get.
	if r.Container != "" && !v.Admits(r.Container, r.Sandbox) {
		return volume.Source{}, fmt.Errorf("volume %s is not for container %s in sandbox %s: %w",
			r.Volume, r.Container, r.Sandbox, fs.ErrPermission)
	}
	log := s.log.With("volume", r.Volume, "sandbox", r.Sandbox)
	return volume.Source{
		ReadOnly: v.ReadOnly,
		Check:    func(ctx context.Context) error { return s.check(ctx, r.Volume, v, log) },
		Open:     func(ctx context.Context, _ []*os.File) (volume.Volume, error) { return s.open(ctx, r, v, log) },
	}, nil
}

// check says whether the store answers. Whoever starts the container learns only
// the reason; where the store is, and the store's own words, are for the log.
func (s *server) check(ctx context.Context, name string, v settings.Volume, log *slog.Logger) error {
	if s.sweeper != nil {
		if err := s.sweeper.wait(ctx, name); err != nil {
			return fmt.Errorf("volume %s: files that a crash left are still being uploaded; try again later: %w", name, err)
		}
	}
	return s.shown(name, v, log, list(ctx, v))
}

// list asks for the beginning of a volume's listing.
func list(ctx context.Context, v settings.Volume) error {
	ctx, cancel := context.WithTimeout(ctx, requestTimeout(v))
	defer cancel()
	store, err := openStore(ctx, v)
	if err != nil {
		return err
	}
	defer store.Bucket.Close()
	_, _, err = store.Bucket.ListPage(ctx, gocloud.FirstPageToken, 1, &gocloud.ListOptions{Prefix: v.Prefix})
	return err
}

// shown is the error of a store for whoever starts a container.
func (s *server) shown(name string, v settings.Volume, log *slog.Logger, err error) error {
	if err == nil {
		return nil
	}
	p := stores.Explain(err)
	log.Error(p.Reason, "store", storeName(v), "remedy", p.Remedy, "error", p.Err)
	return fmt.Errorf("volume %s: %s; the log of volumed says more", name, p.Reason)
}

// open opens a volume in the process that serves it.
func (s *server) open(ctx context.Context, r volume.Request, v settings.Volume, log *slog.Logger) (volume.Volume, error) {
	store, err := openStore(ctx, v)
	if err != nil {
		return nil, s.shown(r.Volume, v, log, err)
	}
	opened, err := s.openOn(ctx, r, v, store, log)
	if err != nil {
		store.Bucket.Close()
		return nil, s.shown(r.Volume, v, log, err)
	}
	log.Info("volume opened", "store", store.Location.String(), "container", r.Container, "read-only", v.ReadOnly)
	return opened, nil
}

func (s *server) openOn(ctx context.Context, r volume.Request, v settings.Volume, store *stores.Store, log *slog.Logger) (volume.Volume, error) {
	data, release, err := s.dir.use(r.Volume, r.Sandbox, identity(v))
	if err != nil {
		return nil, s.diskProblem(err)
	}
	defer release()
	o := &observer{progress: newProgress(log, s.progress)}
	if s.settings.Metrics != "" {
		if o.counter, err = metrics.NewCounter(s.dir.counts(), r.Volume); err != nil {
			return nil, s.diskProblem(err)
		}
	}
	c := config(v, store, data, log, o)
	c.StageRoom = (&share{use: filepath.Dir(data), total: stagedTotal(v), log: log}).room
	return blob.Open(ctx, c)
}

// diskProblem is for what is not the store's fault.
func (s *server) diskProblem(err error) error {
	return &stores.Problem{Reason: "volumed cannot use its state directory",
		Remedy: "check the space and the permissions of " + string(s.dir), Err: err}
}
