package measure

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"time"

	"github.com/directfs/runsc/benchmarks/results"
	"github.com/directfs/runsc/benchmarks/workload"
)

// OverlayOptions say what is measured of overlays.
type OverlayOptions struct {
	Configs   []OverlayConfig
	Workloads []workload.Workload
	Rounds    int

	// OneCPU are the workloads that are compared on one CPU, in OneCPUSets sets
	// of containers a round.
	OneCPU     []workload.Workload
	OneCPUSets int

	// Starts are the numbers of lower layers with which containers are started,
	// StartPasses times for one value. RunTrue includes starts without any mount.
	Starts      []int
	StartPasses int
	RunTrue     bool

	// Sample is the duration of one sample of an operation.
	Sample time.Duration

	Programs Programs

	// Dir is an empty directory for everything.
	Dir string

	Progress *Progress
}

// operationLowers is how many lower layers the overlay of the operations has.
const operationLowers = 4

// overlayRun is one run under way.
type overlayRun struct {
	OverlayOptions
	run *run

	// starts are the overlays of containers that are started, by the workload.
	starts map[string][]*layers
}

// RunOverlays measures. Containers, mounts and processes are gone when it
// returns, with or without an error; files are the caller's to remove.
func RunOverlays(ctx context.Context, o OverlayOptions) (*results.Results, error) {
	r := &overlayRun{OverlayOptions: o, starts: map[string][]*layers{}}
	r.run = newRun(Options{Rounds: o.Rounds, OneCPU: o.OneCPU, Sample: o.Sample, Dir: o.Dir, Programs: o.Programs, Progress: o.Progress})
	return r.run.perform(ctx, r.prepare, func() error { return r.rounds(ctx) }, r.run.closePlaces)
}

// prepare makes the inputs and the bundles, and says what will be measured.
func (r *overlayRun) prepare() error {
	r.Progress.Say("preparing the layers")
	whole := filepath.Join(r.Dir, "data")
	if err := os.Mkdir(whole, 0o755); err != nil {
		return err
	}
	lowers, err := directories(filepath.Join(r.Dir, "l"), operationLowers)
	if err != nil {
		return err
	}
	if err := workload.PrepareOverlay(whole, lowers); err != nil {
		return fmt.Errorf("prepare inputs: %w", err)
	}
	r.run.result.Machine = machine(whole, r.Programs.Engine)
	for i, c := range r.Configs {
		l, err := r.newPlace(c, i, whole, lowers)
		if err == nil {
			err = r.addStarts(c, l)
		}
		if err != nil {
			return fmt.Errorf("configuration %s: %w", c.Name, err)
		}
		r.run.result.Configs = append(r.run.result.Configs, c.Config.Config)
	}
	r.describe()
	return nil
}

// directories makes some with short names: those of a hundred layers must fit
// into the page that mount(2) takes.
func directories(parent string, n int) (list []string, err error) {
	for i := range n {
		dir := filepath.Join(parent, strconv.Itoa(i))
		err = errors.Join(err, os.MkdirAll(dir, 0o755))
		list = append(list, dir)
	}
	return list, err
}

func (r *overlayRun) describe() {
	res := r.run.result
	for _, w := range r.Workloads {
		res.Workloads = append(res.Workloads, w.Workload)
	}
	for _, w := range r.OneCPU {
		res.Workloads = append(res.Workloads, onOneCPU(w))
	}
	if r.RunTrue {
		res.Workloads = append(res.Workloads, startWorkload(0))
	}
	for _, n := range r.Starts {
		res.Workloads = append(res.Workloads, lowersWorkload(n))
	}
}

// newPlace makes the bundle of a configuration, with layers of its own.
func (r *overlayRun) newPlace(c OverlayConfig, number int, whole string, lowers []string) (*place, error) {
	l, err := newPlace(c.Config, number, r.Dir, whole, r.Programs, workload.Tools{})
	if err != nil {
		return nil, err
	}
	r.run.places = append(r.run.places, l)
	if l.union, err = newLayers(c.Union, filepath.Join(l.dir, "o"), lowers); err != nil {
		return nil, err
	}
	l.data = l.union.source(whole)
	if c.Kind != Native {
		l.served, err = l.serving()
	}
	return l, err
}

// guests measures in guests on new upper layers, and looks where they wrote.
func (r *overlayRun) guests(ctx context.Context, places []*place, list []workload.Workload, start func(*exec.Cmd) error, measure func([]*guest) error) error {
	var unions []*layers
	for _, l := range places {
		if l.union != nil {
			unions = append(unions, l.union)
		}
	}
	return mounted(unions, func() error {
		if err := r.run.inGuests(ctx, places, start, measure); err != nil {
			return err
		}
		if !slices.ContainsFunc(list, func(w workload.Workload) bool { return w.Name == "create" || w.Name == "rename" }) {
			return nil
		}
		for _, o := range unions {
			if err := o.checkWritten(); err != nil {
				return err
			}
		}
		return nil
	})
}
