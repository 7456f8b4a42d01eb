package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/directfs/runsc/benchmarks/measure"
	"github.com/directfs/runsc/benchmarks/report"
	"github.com/directfs/runsc/benchmarks/results"
	"github.com/directfs/runsc/benchmarks/stats"
	"github.com/directfs/runsc/benchmarks/workload"
	"github.com/directfs/runsc/runsc/harness"
)

// overlaysWord is the first argument for measuring overlays instead of mounts.
const overlaysWord = "overlays"

// overlaysCommand is what its flags say.
type overlaysCommand struct {
	module, dir, out, report string

	count  int
	quick  bool
	sample time.Duration

	configs           []measure.OverlayConfig
	workloads, oneCPU []workload.Workload
	start             bool
}

// How many sets of containers are compared on one CPU in a round.
const fullOverlaySets, quickOverlaySets = 8, 1

func parseOverlays(args []string) (c overlaysCommand, err error) {
	f := flag.NewFlagSet("bench "+overlaysWord, flag.ExitOnError)
	f.StringVar(&c.module, "module", ".", "directory of the main module, whose runsc is built")
	f.StringVar(&c.dir, "dir", os.TempDir(), "directory to work in; layers are below it, on a file system that can have upper ones")
	f.StringVar(&c.out, "out", "bin/benchmarks", "directory for overlays.json, overlays.md and overlays.svg")
	f.StringVar(&c.report, "report", "", "measure nothing; report on this overlays.json")
	f.IntVar(&c.count, "count", 0, fmt.Sprintf("rounds (default %d, with -quick %d); an interval needs %d", fullCount, quickCount, stats.MinSamples))
	f.BoolVar(&c.quick, "quick", false, "short samples of the most important configurations, in three minutes")
	f.DurationVar(&c.sample, "sample", 0, fmt.Sprintf("time for one sample of an operation (default %v, with -quick %v)", fullSample, quickSample))
	configs := f.String("configs", "", "only these configurations, with commas between them: "+strings.Join(measure.OverlayConfigNames(), " "))
	workloads := f.String("workloads", "", "only these workloads, with commas between them: "+strings.Join(overlayWorkloadNames(), " "))
	if err := f.Parse(args); err != nil {
		return c, err
	}
	if f.NArg() > 0 {
		return c, fmt.Errorf("argument %q is not understood; see -help", f.Arg(0))
	}
	both := command{count: c.count, quick: c.quick, sample: c.sample}
	both.defaults()
	c.count, c.sample = both.count, both.sample
	if c.count < 1 {
		return c, fmt.Errorf("-count=%d: want at least 1", c.count)
	}
	if err := c.selectConfigs(*configs); err != nil {
		return c, err
	}
	return c, c.selectWorkloads(*workloads)
}

func (c *overlaysCommand) selectConfigs(names string) (err error) {
	if names != "" {
		c.configs, err = measure.SelectOverlays(strings.Split(names, ","))
		return err
	}
	c.configs = slices.DeleteFunc(slices.Clone(measure.OverlayConfigs), func(m measure.OverlayConfig) bool { return c.quick && !m.Quick })
	return nil
}

func (c *overlaysCommand) selectWorkloads(names string) error {
	wanted := overlayWorkloadNames()
	if names != "" {
		wanted = strings.Split(names, ",")
	}
	for _, n := range wanted {
		if !slices.Contains(overlayWorkloadNames(), n) {
			return fmt.Errorf("no workload %q; there are %s", n, strings.Join(overlayWorkloadNames(), ", "))
		}
	}
	for _, w := range workload.Overlays {
		if slices.Contains(wanted, w.Name) {
			c.workloads = append(c.workloads, w)
		}
	}
	if slices.Contains(wanted, oneCPUWord) {
		c.oneCPU = workload.Overlays
	}
	c.start = slices.Contains(wanted, startWord)
	return nil
}

func overlayWorkloadNames() (names []string) {
	for _, w := range workload.Overlays {
		names = append(names, w.Name)
	}
	return append(names, oneCPUWord, startWord)
}

// options are what is measured, but for programs and directories.
func (c *overlaysCommand) options(p *measure.Progress) measure.OverlayOptions {
	o := measure.OverlayOptions{Configs: c.configs, Workloads: c.workloads, OneCPU: c.oneCPU, OneCPUSets: fullOverlaySets,
		Rounds: c.count, RunTrue: c.start, StartPasses: workload.OperationPasses, Sample: c.sample, Progress: p}
	if c.start {
		o.Starts = []int{1, 10, 100}
	}
	if c.quick {
		o.OneCPUSets, o.StartPasses = quickOverlaySets, 1
	}
	return o
}

func runOverlays(ctx context.Context, args []string) error {
	c, err := parseOverlays(args)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(c.out, 0o755); err != nil {
		return err
	}
	path := c.report
	if path == "" {
		r, err := benchmarkOverlays(ctx, c, newProgress())
		if err != nil {
			return err
		}
		path = filepath.Join(c.out, report.OverlaysFile)
		if err := r.Write(path); err != nil {
			return err
		}
	}
	return showOverlays(path, c.out)
}

// benchmarkOverlays builds and measures, in a new directory of its own.
func benchmarkOverlays(ctx context.Context, c overlaysCommand, p *measure.Progress) (r *results.Results, err error) {
	o := c.options(p)
	var skipped []string
	err = inDir(c.module, c.dir, func(module, dir, bin string) error {
		o.Dir = dir
		if o.Programs, err = measure.Build(ctx, module, bin, measure.Plainly(o.Configs), p.Say); err != nil {
			return err
		}
		skipped = o.SkipMissing()
		for _, s := range skipped {
			p.Say(s)
		}
		if err := harness.Requirements(ctx, o.Programs.Worker); err != nil {
			return err
		}
		r, err = measure.RunOverlays(ctx, o)
		return err
	})
	if err != nil {
		return nil, err
	}
	r.Skipped, r.Quick = skipped, c.quick
	return r, nil
}

// showOverlays prints the report of stored results and puts it with its plot
// into a directory.
func showOverlays(path, out string) error {
	r, err := results.Read(path)
	if err != nil {
		return err
	}
	text := report.OverlaysMarkdown(r)
	if err := os.WriteFile(filepath.Join(out, report.OverlaysTableFile), []byte(text), 0o644); err != nil {
		return err
	}
	if err := report.OverlaysPlot(r, out); err != nil {
		return err
	}
	_, err = fmt.Println(strings.TrimSuffix(text, "\n"))
	return err
}
