package measure

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/directfs/runsc/benchmarks/results"
	"github.com/directfs/runsc/benchmarks/workload"
	"github.com/directfs/runsc/runsc/harness"
)

// ErrLeft is a process, a mount or a cgroup that could not be removed. The
// directory must not be removed then: it may lead elsewhere.
var ErrLeft = errors.New("left behind, remove it by hand")

// Options say what is measured.
type Options struct {
	Configs   []Config
	Workloads []workload.Workload
	Rounds    int

	// Starts are the numbers of mounts with which containers are started, all
	// of them as the configuration has its measured mount; 0 is "run true".
	Starts []int

	// OneCPU are the operations that are compared on one CPU.
	OneCPU []workload.Workload

	// Memory includes the sandboxes' memory.
	Memory bool

	// Sample is the duration of one sample of an operation.
	Sample time.Duration

	Programs Programs
	Tools    workload.Tools

	// Dir is an empty directory for everything. The measured directory is in
	// it.
	Dir string

	Progress *Progress
}

// run is one run under way.
type run struct {
	Options
	places   []*place
	starters []starter
	result   *results.Results
}

func newRun(o Options) *run {
	return &run{Options: o, result: &results.Results{
		Version: results.Version, Started: time.Now().UTC().Truncate(time.Second), Rounds: o.Rounds,
	}}
}

// Run measures. Containers, mounts and processes are gone when it returns, with
// or without an error; files are the caller's to remove.
func Run(ctx context.Context, o Options) (*results.Results, error) {
	r := newRun(o)
	return r.perform(ctx, func() error { return r.prepare(ctx) }, func() error { return r.rounds(ctx) }, r.closePlaces)
}

// perform prepares, does the rounds, and ends what was started for them: what is
// left then is an error.
func (r *run) perform(ctx context.Context, prepare, rounds, end func() error) (res *results.Results, err error) {
	before, err := r.scope().Snapshot()
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, end(), left(before)) }()
	if r.result.Noise.LoadBefore, err = load(); err != nil {
		return nil, err
	}
	if err = prepare(); err == nil {
		err = r.watch(rounds)
	}
	switch {
	case ctx.Err() != nil:
		return nil, context.Cause(ctx) // what was interrupted fails in many ways
	case err != nil:
		return nil, err
	}
	return r.result, nil
}

func (r *run) scope() harness.Scope {
	return harness.Scope{Dir: r.Dir, IDPrefix: filepath.Base(r.Dir)}
}

// prepare makes the inputs and the bundles, and says what will be measured.
func (r *run) prepare(ctx context.Context) error {
	data := filepath.Join(r.Dir, "data")
	if err := os.Mkdir(data, 0o755); err != nil {
		return err
	}
	if err := workload.Prepare(data); err != nil {
		return fmt.Errorf("prepare inputs: %w", err)
	}
	if err := r.warmBuildCache(ctx, data); err != nil {
		return fmt.Errorf("prepare inputs: %w", err)
	}
	r.result.Machine = machine(data, r.Programs.Engine)
	for i, c := range r.Configs {
		l, err := newPlace(c, i, r.Dir, data, r.Programs, r.Tools)
		if err != nil {
			return err
		}
		r.places = append(r.places, l)
		if err := r.addBundles(l); err != nil {
			return fmt.Errorf("configuration %s: %w", c.Name, err)
		}
		r.result.Configs = append(r.result.Configs, c.Config)
	}
	for _, w := range r.Workloads {
		r.result.Workloads = append(r.result.Workloads, w.Workload)
	}
	for _, w := range r.OneCPU {
		r.result.Workloads = append(r.result.Workloads, onOneCPU(w))
	}
	for _, n := range r.Starts {
		r.result.Workloads = append(r.result.Workloads, startWorkload(n))
	}
	if r.Memory {
		r.result.Workloads = append(r.result.Workloads, memoryWorkloads...)
	}
	return nil
}

// warmBuildCache compiles the standard library into the cache that all
// configurations share, lest the first one pay for it.
func (r *run) warmBuildCache(ctx context.Context, data string) error {
	if !slices.ContainsFunc(r.Workloads, func(w workload.Workload) bool { return w.Tool == workload.ToolGo }) {
		return nil
	}
	native := &place{Config: Config{Kind: Native}, data: data, programs: r.Programs}
	g, err := startGuest(native, native.command(ctx, nil, "serve"), (*exec.Cmd).Start)
	if err != nil {
		return err
	}
	_, err = g.measure(workload.Request{Workload: "compile", Workers: 1, Tools: r.Tools})
	return errors.Join(err, g.stop())
}

func (r *run) addBundles(l *place) error {
	if l.Kind != Native {
		var err error
		if l.served, err = l.serving(); err != nil {
			return err
		}
	}
	s, err := newStarter(l, r.Starts)
	r.starters = append(r.starters, s)
	return err
}

// watch notes how much time was stolen from the run, and how long it took.
func (r *run) watch(measure func() error) error {
	before, err := readCPUTime()
	if err != nil {
		return err
	}
	began := time.Now()
	if err := measure(); err != nil {
		return err
	}
	r.result.Seconds = time.Since(began).Round(time.Second).Seconds()
	after, err := readCPUTime()
	r.result.Noise.StealPercent = after.stealPercentSince(before)
	return err
}

// closePlaces ends the containers and the mounts of all places.
func (r *run) closePlaces() error {
	var errs []error
	for _, l := range r.places {
		if err := l.close(); err != nil {
			errs = append(errs, fmt.Errorf("%w: clean up after %s: %w", ErrLeft, l.Name, err))
		}
	}
	return errors.Join(errs...)
}

// left is what a run has left on the machine, as an error.
func left(before harness.Snapshot) error {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	leaks, err := before.Diff(ctx)
	errs := []error{err}
	leaks = slices.DeleteFunc(leaks, func(l string) bool { return strings.HasPrefix(l, "file ") })
	for _, l := range leaks {
		errs = append(errs, fmt.Errorf("%w: %s", ErrLeft, l))
	}
	return errors.Join(errs...)
}
