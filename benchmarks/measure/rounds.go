package measure

import (
	"context"
	"errors"
	"fmt"

	"github.com/directfs/runsc/benchmarks/results"
	"github.com/directfs/runsc/benchmarks/stats"
	"github.com/directfs/runsc/benchmarks/workload"
)

// cell is one workload with one number of workers.
type cell struct {
	workload.Workload
	workers int
}

func (r *run) cells() (list []cell) {
	for _, w := range r.Workloads {
		for _, n := range w.Workers {
			list = append(list, cell{w, n})
		}
	}
	return list
}

// rounds measures everything once a round: one workload under every
// configuration, then the next workload.
func (r *run) rounds(ctx context.Context) error {
	cells := r.cells()
	r.Progress.begin(r.Rounds * (len(cells) + len(r.Starts)))
	for round := range r.Rounds {
		r.result.Noise.Spin = append(r.result.Noise.Spin, results.Value(spin()))
		if err := r.operations(ctx, round, cells); err != nil {
			return err
		}
		if err := r.starts(ctx, round, len(cells)); err != nil {
			return err
		}
	}
	return nil
}

// operations measures the cells of a round in guests that are started for it,
// so that samples of different rounds are of different sandboxes.
func (r *run) operations(ctx context.Context, round int, cells []cell) (err error) {
	if len(cells) == 0 && !r.Memory {
		return nil
	}
	var guests []*guest
	defer func() {
		for _, g := range guests {
			if err == nil {
				err = g.stop()
			} else if !g.closed {
				err = errors.Join(err, g.kill())
			}
		}
	}()
	for i, l := range r.places {
		g, err := startGuest(l.command(ctx, r.bundles[i], "serve"))
		if err != nil {
			return fmt.Errorf("configuration %s: start: %w", l.Name, err)
		}
		guests = append(guests, g)
		if err := l.check(g.mount); err != nil {
			return fmt.Errorf("configuration %s: %w", l.Name, err)
		}
	}
	if err := r.remember("idle"); err != nil {
		return err
	}
	for step, c := range cells {
		r.Progress.step(fmt.Sprintf("round %d of %d: %s, %d workers", round+1, r.Rounds, c.Name, c.workers))
		values := make([][]float64, len(guests))
		for pass := range c.Passes(c.workers) {
			for _, i := range order(round, step+pass, len(guests)) {
				ns, err := r.sample(ctx, i, guests[i], c)
				if err != nil {
					return err
				}
				values[i] = append(values[i], ns)
			}
		}
		for i, l := range r.places {
			r.result.Add(l.Name, c.Name, c.workers, stats.Median(values[i]).Median)
		}
	}
	return r.remember("loaded")
}

func (r *run) sample(ctx context.Context, i int, g *guest, c cell) (float64, error) {
	if err := ctx.Err(); err != nil {
		return 0, err
	}
	a, err := g.measure(workload.Request{Workload: c.Name, Workers: c.workers, Duration: r.Sample, Tools: r.Tools})
	if err != nil {
		return 0, fmt.Errorf("configuration %s: %s, %d workers: %w", r.places[i].Name, c.Name, c.workers, err)
	}
	return a.Nanoseconds, nil
}

// remember takes the memory of all sandboxes.
func (r *run) remember(when string) error {
	if !r.Memory {
		return nil
	}
	for _, l := range r.places {
		if !l.sandboxed() {
			continue
		}
		values, err := l.memory(when)
		if err != nil {
			return fmt.Errorf("configuration %s: %w", l.Name, err)
		}
		for name, v := range values {
			r.result.Add(l.Name, name, 1, v)
		}
	}
	return nil
}

// starts starts containers. "run true" is short, and a goal, so it has as many
// passes as an operation.
func (r *run) starts(ctx context.Context, round, step int) error {
	for i, mounts := range r.Starts {
		r.Progress.step(fmt.Sprintf("round %d of %d: %s", round+1, r.Rounds, startName(mounts)))
		passes := 1
		if mounts == 0 {
			passes = workload.OperationPasses
		}
		values := make([][]float64, len(r.starters))
		for pass := range passes {
			for _, k := range order(round, step+i+pass, len(r.starters)) {
				s := r.starters[k]
				if !s.can(mounts) {
					continue
				}
				ns, err := s.measure(ctx, mounts)
				if err != nil {
					return fmt.Errorf("configuration %s: %s: %w", s.Name, startName(mounts), err)
				}
				values[k] = append(values[k], ns)
			}
		}
		for k, v := range values {
			if len(v) > 0 {
				r.result.Add(r.starters[k].Name, startName(mounts), 1, stats.Median(v).Median)
			}
		}
	}
	return nil
}
