package main

import (
	"flag"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/directfs/runsc/benchmarks/measure"
	"github.com/directfs/runsc/benchmarks/stats"
	"github.com/directfs/runsc/benchmarks/workload"
)

// Words of -workloads that stand for more than one workload, or for what is not
// run inside.
const (
	startWord  = "start"
	oneCPUWord = "one-cpu"
	memoryWord = "memory"
	policyWord = "policy"
)

// command is what the flags say.
type command struct {
	module, dir, out, report string

	count  int
	quick  bool
	sample time.Duration

	configs               []measure.Config
	workloads, oneCPU     []workload.Workload
	start, memory, policy bool
}

// Full and quick runs differ in these alone.
const (
	fullCount, quickCount   = 10, stats.MinSamples
	fullSample, quickSample = 80 * time.Millisecond, 10 * time.Millisecond
)

func parse(args []string) (c command, err error) {
	f := flag.NewFlagSet("bench", flag.ExitOnError)
	f.StringVar(&c.module, "module", ".", "directory of the main module, whose runsc is built")
	f.StringVar(&c.dir, "dir", os.TempDir(), "directory to work in; the measured files are below it")
	f.StringVar(&c.out, "out", "bin/benchmarks", "directory for results.json, results.md and the plots")
	f.StringVar(&c.report, "report", "", "measure nothing; report on this results.json")
	f.IntVar(&c.count, "count", 0, fmt.Sprintf("rounds (default %d, with -quick %d); an interval needs %d", fullCount, quickCount, stats.MinSamples))
	f.BoolVar(&c.quick, "quick", false, "short samples of the most important configurations, in three minutes")
	f.DurationVar(&c.sample, "sample", 0, fmt.Sprintf("time for one sample of an operation (default %v, with -quick %v)", fullSample, quickSample))
	configs := f.String("configs", "", "only these configurations, with commas between them: "+strings.Join(configNames(), " "))
	workloads := f.String("workloads", "", "only these workloads, with commas between them: "+strings.Join(workloadNames(), " "))
	if err := f.Parse(args); err != nil {
		return c, err
	}
	if f.NArg() > 0 {
		return c, fmt.Errorf("argument %q is not understood; see -help", f.Arg(0))
	}
	c.defaults()
	if c.count < 1 {
		return c, fmt.Errorf("-count=%d: want at least 1", c.count)
	}
	if err := c.selectConfigs(*configs); err != nil {
		return c, err
	}
	return c, c.selectWorkloads(*workloads)
}

func (c *command) defaults() {
	count, sample := fullCount, fullSample
	if c.quick {
		count, sample = quickCount, quickSample
	}
	if c.count == 0 {
		c.count = count
	}
	if c.sample == 0 {
		c.sample = sample
	}
}

func (c *command) selectConfigs(names string) (err error) {
	if names != "" {
		c.configs, err = measure.Select(strings.Split(names, ","))
		return err
	}
	c.configs = slices.DeleteFunc(slices.Clone(measure.Configs), func(m measure.Config) bool { return c.quick && !m.Quick })
	return nil
}

func (c *command) selectWorkloads(names string) error {
	wanted := workloadNames()
	if names != "" {
		wanted = strings.Split(names, ",")
	}
	for _, n := range wanted {
		if !slices.Contains(workloadNames(), n) {
			return fmt.Errorf("no workload %q; there are %s", n, strings.Join(workloadNames(), ", "))
		}
	}
	c.start, c.memory, c.policy = slices.Contains(wanted, startWord), slices.Contains(wanted, memoryWord), slices.Contains(wanted, policyWord)
	if slices.Contains(wanted, oneCPUWord) && (!c.quick || names != "") {
		c.oneCPU = workload.Operations()
	}
	for _, w := range workload.List {
		if !slices.Contains(wanted, w.Name) || c.quick && w.Slow && names == "" {
			continue
		}
		// The plot of concurrency is of stat.
		if c.quick && w.Name != "stat" {
			w.Workers = w.Workers[:1]
		}
		c.workloads = append(c.workloads, w)
	}
	return nil
}

// starts are the numbers of mounts that containers are started with.
func (c *command) starts() []int {
	switch {
	case !c.start:
		return nil
	case c.quick:
		return []int{0, 10}
	}
	return []int{0, 1, 10, 100}
}

func configNames() (names []string) {
	for _, c := range measure.Configs {
		names = append(names, c.Name)
	}
	return names
}

func workloadNames() (names []string) {
	for _, w := range workload.List {
		names = append(names, w.Name)
	}
	return append(names, oneCPUWord, startWord, memoryWord, policyWord)
}
