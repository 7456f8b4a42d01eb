package measure

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"time"

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
	r.Progress.begin(r.Rounds * (len(cells) + oneCPUSets*len(r.OneCPU) + len(r.Starts)))
	for round := range r.Rounds {
		r.result.Noise.Spin = append(r.result.Noise.Spin, results.Value(spin()))
		if err := r.operations(ctx, round, cells); err != nil {
			return err
		}
		if err := r.oneCPU(ctx, round); err != nil {
			return err
		}
		if err := r.starts(ctx, round, len(cells)); err != nil {
			return err
		}
	}
	return nil
}

// operations measures the cells of a round.
func (r *run) operations(ctx context.Context, round int, cells []cell) error {
	if len(cells) == 0 && !r.Memory {
		return nil
	}
	return r.inGuests(ctx, r.places, (*exec.Cmd).Start, func(guests []*guest) error {
		if err := r.remember("idle"); err != nil {
			return err
		}
		for step, c := range cells {
			r.Progress.step(fmt.Sprintf("round %d of %d: %s, %d workers", round+1, r.Rounds, c.Name, c.workers))
			if err := r.measure(ctx, guests, c, c.Name, r.Sample, round, step); err != nil {
				return err
			}
		}
		return r.remember("loaded")
	})
}

// inGuests measures in guests that are started for it, one of each place, so
// that samples of different rounds are of different sandboxes.
func (r *run) inGuests(ctx context.Context, places []*place, start func(*exec.Cmd) error, measure func([]*guest) error) (err error) {
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
	for _, l := range places {
		g, err := startGuest(l, l.command(ctx, l.served, "serve"), start)
		if err != nil {
			return fmt.Errorf("configuration %s: start: %w", l.Name, err)
		}
		guests = append(guests, g)
		if err := l.check(g.mount); err != nil {
			return fmt.Errorf("configuration %s: %w", l.Name, err)
		}
	}
	return measure(guests)
}

// measure adds to the results one value of each guest's, under a name.
func (r *run) measure(ctx context.Context, guests []*guest, c cell, name string, sample time.Duration, round, step int) error {
	values := make([][]float64, len(guests))
	for pass := range c.Passes(c.workers) {
		for _, i := range order(round, step+pass, len(guests)) {
			if err := ctx.Err(); err != nil {
				return err
			}
			a, err := guests[i].measure(workload.Request{Workload: c.Name, Workers: c.workers, Duration: sample, Tools: r.Tools, Part: pass})
			if err != nil {
				return fmt.Errorf("configuration %s: %s, %d workers: %w", guests[i].place.Name, name, c.workers, err)
			}
			values[i] = append(values[i], a.Nanoseconds)
		}
	}
	for i, g := range guests {
		r.result.Add(g.place.Name, name, c.workers, stats.Median(values[i]).Median)
	}
	return nil
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

// runTrueSets is how many values a round has of "run true", which is a goal.
const runTrueSets = 3

// starts starts containers. "run true" is short, so that one value has as many
// passes as one of an operation.
func (r *run) starts(ctx context.Context, round, step int) error {
	for i, mounts := range r.Starts {
		name := startName(mounts)
		r.Progress.step(fmt.Sprintf("round %d of %d: %s", round+1, r.Rounds, name))
		sets, passes := 1, 1
		if mounts == 0 {
			sets, passes = runTrueSets, workload.OperationPasses
		}
		for set := range sets {
			if err := r.startSet(ctx, name, passes, round*sets+set, step+i); err != nil {
				return err
			}
		}
	}
	return nil
}

// startSet adds one value of each configuration's.
func (r *run) startSet(ctx context.Context, name string, passes, round, step int) error {
	values := make([][]float64, len(r.starters))
	for pass := range passes {
		for _, k := range order(round, step+pass, len(r.starters)) {
			s := r.starters[k]
			if !s.can(name) {
				continue
			}
			ns, err := s.measure(ctx, name)
			if err != nil {
				return fmt.Errorf("configuration %s: %s: %w", s.Name, name, err)
			}
			values[k] = append(values[k], ns)
		}
	}
	for k, v := range values {
		if len(v) > 0 {
			r.result.Add(r.starters[k].Name, name, 1, stats.Median(v).Median)
		}
	}
	return nil
}
