package measure

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"

	"github.com/directfs/runsc/benchmarks/results"
	"github.com/directfs/runsc/benchmarks/volumes"
	"github.com/directfs/runsc/benchmarks/workload"
	"golang.org/x/sys/unix"
)

// VolumeOptions say what is measured of volumes.
type VolumeOptions struct {
	Configs   []VolumeConfig
	Workloads []workload.Workload
	Rounds    int

	Programs Programs
	Clients  volumes.Programs
	Tools    workload.Tools

	// Dir is an empty directory for everything.
	Dir string

	Progress *Progress
}

// volumeRun is one run under way.
type volumeRun struct {
	VolumeOptions
	run    *run
	stores map[volumes.Kind]*volumes.Store

	// seats are the configurations, each with its volume.
	seats []*seat

	// outputs counts the files that were written.
	outputs int
}

// RunVolumes measures. Containers, mounts and processes are gone when it
// returns, with or without an error; files are the caller's to remove.
func RunVolumes(ctx context.Context, o VolumeOptions) (*results.Results, error) {
	r := &volumeRun{VolumeOptions: o, stores: map[volumes.Kind]*volumes.Store{}}
	r.run = newRun(Options{Rounds: o.Rounds, Dir: o.Dir, Programs: o.Programs, Tools: o.Tools, Progress: o.Progress})
	return r.run.perform(ctx, func() error { return r.prepare(ctx) }, func() error { return r.rounds(ctx) }, r.close)
}

// prepare fills the buckets and says what will be measured.
func (r *volumeRun) prepare(ctx context.Context) error {
	data := filepath.Join(r.Dir, "data")
	if err := os.Mkdir(data, 0o755); err != nil {
		return err
	}
	r.Progress.Say("preparing the files and filling the buckets")
	if err := workload.PrepareVolume(ctx, data, r.Workloads, r.Tools); err != nil {
		return fmt.Errorf("prepare inputs: %w", err)
	}
	r.describe(data)
	for i, c := range r.Configs {
		s, err := r.newSeat(ctx, c, i, data)
		if err != nil {
			return fmt.Errorf("configuration %s: %w", c.Name, err)
		}
		r.seats = append(r.seats, s)
	}
	if err := os.RemoveAll(data); err != nil {
		return err
	}
	// What is not written back stays in the page cache.
	unix.Sync()
	return r.freshen(ctx)
}

func (r *volumeRun) describe(data string) {
	res := r.run.result
	res.Machine = machine(data, r.Programs.Engine)
	for _, c := range r.Configs {
		res.Configs = append(res.Configs, c.Config)
	}
	for _, w := range r.Workloads {
		res.Workloads = append(res.Workloads, variants(w)...)
	}
}

// newSeat makes a configuration's volume and bundle. Configurations of one
// client share a bucket: no two of them run at once.
func (r *volumeRun) newSeat(ctx context.Context, c VolumeConfig, number int, data string) (*seat, error) {
	store, err := r.store(ctx, c.Client.Store)
	if err != nil {
		return nil, err
	}
	bucket := "bucket-" + c.Client.Name
	filled := slices.ContainsFunc(r.seats, func(s *seat) bool { return s.Client.Name == c.Client.Name })
	if !filled {
		if err := store.Fill(ctx, bucket, data); err != nil {
			return nil, err
		}
	}
	v, err := volumes.NewVolume(c.Client, r.Clients, store, bucket, filepath.Join(r.Dir, "v"+strconv.Itoa(number)))
	if err != nil {
		return nil, err
	}
	l, err := newPlace(c.config(v), number, r.Dir, v.Source(), r.Programs, r.Tools)
	if err != nil {
		return nil, err
	}
	r.run.places = append(r.run.places, l)
	l.served, err = l.serving()
	return &seat{VolumeConfig: c, place: l, volume: v, fresh: filled}, err
}

// store starts one of each kind, for all clients.
func (r *volumeRun) store(ctx context.Context, k volumes.Kind) (*volumes.Store, error) {
	if s := r.stores[k]; s != nil {
		return s, nil
	}
	s, err := volumes.StartStore(ctx, k, r.Clients, filepath.Join(r.Dir, "store-"+string(k)))
	if err != nil {
		return nil, err
	}
	r.stores[k] = s
	return s, nil
}

// rounds measures everything once a round: one workload under every
// configuration, then the next workload.
func (r *volumeRun) rounds(ctx context.Context) error {
	var cells []cell
	for _, w := range r.Workloads {
		for _, n := range w.Workers {
			cells = append(cells, cell{w, n})
		}
	}
	r.Progress.begin(r.Rounds * len(cells) * len(r.seats))
	for round := range r.Rounds {
		r.run.result.Noise.Spin = append(r.run.result.Noise.Spin, results.Value(spin()))
		for step, c := range cells {
			for _, i := range order(round, step, len(r.seats)) {
				s := r.seats[i]
				r.Progress.step(fmt.Sprintf("round %d of %d: %s, %d workers, %s", round+1, r.Rounds, c.Name, c.workers, s.Name))
				if err := r.session(ctx, s, func(g *guest) error { return r.measure(ctx, s, g, c) }); err != nil {
					return fmt.Errorf("configuration %s: %s, %d workers: %w", s.Name, c.Name, c.workers, err)
				}
			}
		}
	}
	return nil
}

// close ends what serves. Containers are gone before their volumes are.
func (r *volumeRun) close() error {
	var errs []error
	for _, s := range r.seats {
		if err := errors.Join(s.place.close(), s.volume.Stop()); err != nil {
			errs = append(errs, fmt.Errorf("%w: clean up after %s: %w", ErrLeft, s.Name, err))
		}
	}
	for _, s := range r.stores {
		errs = append(errs, s.Stop())
	}
	return errors.Join(errs...)
}
