package measure

import (
	"context"
	"fmt"
	"os/exec"
	"path/filepath"
	"strconv"

	"github.com/directfs/runsc/benchmarks/results"
	"github.com/directfs/runsc/benchmarks/workload"
	"github.com/directfs/runsc/runsc/harness"
)

// rounds measures everything once a round: one workload under every
// configuration, then the next workload.
func (r *overlayRun) rounds(ctx context.Context) error {
	r.Progress.begin(r.Rounds * (len(r.Workloads) + r.OneCPUSets*len(r.OneCPU) + len(r.startNames())))
	for round := range r.Rounds {
		r.run.result.Noise.Spin = append(r.run.result.Noise.Spin, results.Value(spin()))
		if err := r.operations(ctx, round); err != nil {
			return err
		}
		if err := r.oneCPU(ctx, round); err != nil {
			return err
		}
		if err := r.startAll(ctx, round); err != nil {
			return err
		}
	}
	return nil
}

func (r *overlayRun) operations(ctx context.Context, round int) error {
	if len(r.Workloads) == 0 {
		return nil
	}
	return r.guests(ctx, r.run.places, r.Workloads, (*exec.Cmd).Start, func(guests []*guest) error {
		for step, w := range r.Workloads {
			r.Progress.step(fmt.Sprintf("round %d of %d: %s", round+1, r.Rounds, w.Name))
			if err := r.run.measure(ctx, able(guests, w), cell{w, 1}, w.Name, r.Sample, round, step); err != nil {
				return err
			}
		}
		return nil
	})
}

// able are the guests that can do a workload: without layers nothing is copied
// up.
func able(guests []*guest, w workload.Workload) (list []*guest) {
	for _, g := range guests {
		if w.Name != workload.CopyUp || g.place.union != nil {
			list = append(list, g)
		}
	}
	return list
}

// oneCPU compares what goals are about where there is one mode; see
// [run.oneCPU].
func (r *overlayRun) oneCPU(ctx context.Context, round int) error {
	var places []*place
	for _, l := range r.run.places {
		if l.OneCPU {
			places = append(places, l)
		}
	}
	if len(r.OneCPU) == 0 || len(places) == 0 {
		return nil
	}
	for i := range r.OneCPUSets {
		set := round*r.OneCPUSets + i
		err := r.guests(ctx, places, r.OneCPU, startOnOneCPU, func(guests []*guest) error {
			return r.run.oneCPUSet(ctx, guests, round, set)
		})
		if err != nil {
			return err
		}
	}
	return nil
}

const lowersPrefix = "start-lowers-"

// LowersName names the start of a container with an overlay of some lower
// layers.
func LowersName(lowers int) string { return lowersPrefix + strconv.Itoa(lowers) }

func lowersWorkload(lowers int) results.Workload {
	text := fmt.Sprintf("start to finish of a container with a writable overlay of %d lower layers, or with one bind mount", lowers)
	if lowers == 1 {
		text = "the same with 1 lower layer"
	}
	return results.Workload{Name: LowersName(lowers), Kind: results.Start, About: text}
}

// addStarts makes the bundles that are started. The host has none.
func (r *overlayRun) addStarts(c OverlayConfig, l *place) (err error) {
	s := starter{l, map[string]*harness.Bundle{}}
	r.run.starters = append(r.run.starters, s)
	if c.Kind == Native {
		return nil
	}
	if r.RunTrue && c.Bare {
		if s.bundles[RunTrue], err = l.bundle(RunTrue, "true"); err != nil {
			return err
		}
	}
	for _, n := range r.Starts {
		lowers, err := directories(filepath.Join(r.Dir, "s"), n)
		if err != nil {
			return err
		}
		name := LowersName(n)
		union, err := newLayers(c.Union, filepath.Join(l.dir, "s"+strconv.Itoa(n)), lowers)
		if err != nil {
			return err
		}
		if s.bundles[name], err = l.bundle(name, "true", l.measured(union.source(lowers[0]), union)); err != nil {
			return err
		}
		if union != nil {
			r.starts[name] = append(r.starts[name], union)
		}
	}
	return nil
}

func (r *overlayRun) startNames() (names []string) {
	if r.RunTrue {
		names = append(names, RunTrue)
	}
	for _, n := range r.Starts {
		names = append(names, LowersName(n))
	}
	return names
}

// startAll starts containers, on overlays that are mounted before if it is by
// hand.
func (r *overlayRun) startAll(ctx context.Context, round int) error {
	for step, name := range r.startNames() {
		r.Progress.step(fmt.Sprintf("round %d of %d: %s", round+1, r.Rounds, name))
		err := mounted(r.starts[name], func() error {
			return r.run.startSet(ctx, name, r.StartPasses, round, step)
		})
		if err != nil {
			return err
		}
	}
	return nil
}
