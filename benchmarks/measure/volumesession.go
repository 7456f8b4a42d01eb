package measure

import (
	"context"
	"errors"
	"os/exec"
	"strconv"
	"time"

	"github.com/directfs/runsc/benchmarks/results"
	"github.com/directfs/runsc/benchmarks/stats"
	"github.com/directfs/runsc/benchmarks/volumes"
	"github.com/directfs/runsc/benchmarks/workload"
)

// seat is where one configuration runs.
type seat struct {
	VolumeConfig
	place  *place
	volume *volumes.Volume

	// fresh is set where the bucket's index of git knows the times of its files.
	fresh bool

	// outputs are objects that were written in this session.
	outputs []string
}

// clean removes what was written, when nothing serves the bucket.
func (s *seat) clean() (err error) {
	for _, o := range s.outputs {
		err = errors.Join(err, s.volume.Remove(o))
	}
	s.outputs = nil
	return err
}

// What follows the names of workloads, for each way of measuring one.
const (
	coldSuffix   = "-cold"
	warmSuffix   = "-warm"
	storedSuffix = "-stored"
)

// variants are what is measured of one workload.
func variants(w workload.Workload) []results.Workload {
	variant := func(suffix, text string) results.Workload {
		return results.Workload{Name: w.Name + suffix, Kind: w.Kind, About: text}
	}
	if w.Writes > 0 {
		return []results.Workload{w.Workload, variant(storedSuffix, "the same, until the whole object is in the store")}
	}
	return []results.Workload{variant(coldSuffix, w.About+"; for the first time"), variant(warmSuffix, "the same, again")}
}

// session serves the volume with an empty cache, starts a guest in a container,
// and ends both afterwards. Nothing else runs meanwhile but the stores.
func (r *volumeRun) session(ctx context.Context, s *seat, use func(*guest) error) (err error) {
	if err := ctx.Err(); err != nil {
		return err
	}
	if err := s.volume.Start(ctx); err != nil {
		return err
	}
	defer func() {
		if err != nil {
			// A container that is left would hold the mount.
			err = errors.Join(err, s.place.close())
		}
		err = errors.Join(err, s.volume.Stop(), s.clean())
	}()
	return r.run.inGuests(ctx, []*place{s.place}, (*exec.Cmd).Start, func(g []*guest) error { return use(g[0]) })
}

// measure adds the values of one cell.
func (r *volumeRun) measure(ctx context.Context, s *seat, g *guest, c cell) error {
	if c.Writes > 0 {
		return r.write(ctx, s, g, c)
	}
	request := workload.Request{Workload: c.Name, Workers: c.workers, Tools: r.Tools}
	if err := s.volume.DropPages(c.Input); err != nil {
		return err
	}
	cold, err := g.measure(request)
	if err != nil {
		return err
	}
	// What the client still does in the background, it does now.
	if _, err := g.measure(request); err != nil {
		return err
	}
	warm, err := warmSamples(g, request)
	if err != nil {
		return err
	}
	r.run.result.Add(s.Name, c.Name+coldSuffix, c.workers, cold.Nanoseconds)
	r.run.result.Add(s.Name, c.Name+warmSuffix, c.workers, stats.Median(warm).Median)
	return nil
}

// warmTime is after how long no further warm sample begins: long ones need fewer.
const warmTime = 2 * time.Second

func warmSamples(g *guest, request workload.Request) (samples []float64, err error) {
	for began := time.Now(); len(samples) < workload.OperationPasses && (len(samples) == 0 || time.Since(began) < warmTime); {
		a, err := g.measure(request)
		if err != nil {
			return nil, err
		}
		samples = append(samples, a.Nanoseconds)
	}
	return samples, nil
}

// write has one sample: a new file, which is removed from the store after the
// session.
func (r *volumeRun) write(ctx context.Context, s *seat, g *guest, c cell) error {
	r.outputs++
	request := workload.Request{Workload: c.Name, Workers: c.workers, Output: "output-" + strconv.Itoa(r.outputs)}
	began := time.Now()
	a, err := g.measure(request)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, answerTime)
	defer cancel()
	if err := s.volume.Stored(ctx, request.Output, c.Writes); err != nil {
		return err
	}
	stored := time.Since(began)
	s.outputs = append(s.outputs, request.Output)
	r.run.result.Add(s.Name, c.Name, c.workers, a.Nanoseconds)
	r.run.result.Add(s.Name, c.Name+storedSuffix, c.workers, float64(stored.Nanoseconds()))
	return nil
}
