package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/directfs/runsc/benchmarks/measure"
	"github.com/directfs/runsc/benchmarks/report"
	"github.com/directfs/runsc/benchmarks/results"
	"github.com/directfs/runsc/benchmarks/stats"
	"github.com/directfs/runsc/benchmarks/volumes"
	"github.com/directfs/runsc/benchmarks/workload"
	"github.com/directfs/runsc/runsc/harness"
)

// volumesWord is the first argument for measuring volumes instead of mounts.
const volumesWord = "volumes"

// volumesCommand is what its flags say.
type volumesCommand struct {
	module, dir, out, report string

	clients volumes.Programs
	count   int
	quick   bool

	configs   []measure.VolumeConfig
	workloads []workload.Workload
}

const (
	fullVolumeCount  = stats.MinSamples
	quickVolumeCount = 1
)

func parseVolumes(args []string) (c volumesCommand, err error) {
	f := flag.NewFlagSet("bench "+volumesWord, flag.ExitOnError)
	f.StringVar(&c.module, "module", ".", "directory of the main module, whose runsc is built")
	f.StringVar(&c.dir, "dir", os.TempDir(), "directory to work in; buckets and caches are below it")
	f.StringVar(&c.out, "out", "bin/benchmarks", "directory for volumes.json and volumes.md")
	f.StringVar(&c.report, "report", "", "measure nothing; report on this volumes.json")
	f.StringVar(&c.clients.Dir, "clients", "bin/volume-clients", "directory in which other projects' programs are built")
	f.StringVar(&c.clients.Volumed, "volumed", "bin/volumed", "our daemon")
	f.IntVar(&c.count, "count", 0, fmt.Sprintf("rounds (default %d, with -quick %d); an interval needs %d", fullVolumeCount, quickVolumeCount, stats.MinSamples))
	f.BoolVar(&c.quick, "quick", false, "one round of the most important configurations, without the large files")
	configs := f.String("configs", "", "only these configurations, with commas between them: "+strings.Join(measure.VolumeConfigNames(), " "))
	workloads := f.String("workloads", "", "only these workloads, with commas between them: "+strings.Join(volumeWorkloadNames(), " "))
	if err := f.Parse(args); err != nil {
		return c, err
	}
	if f.NArg() > 0 {
		return c, fmt.Errorf("argument %q is not understood; see -help", f.Arg(0))
	}
	if c.count == 0 {
		c.count = fullVolumeCount
		if c.quick {
			c.count = quickVolumeCount
		}
	}
	if c.count < 1 {
		return c, fmt.Errorf("-count=%d: want at least 1", c.count)
	}
	if err := c.selectConfigs(*configs); err != nil {
		return c, err
	}
	return c, c.selectWorkloads(*workloads)
}

func (c *volumesCommand) selectConfigs(names string) (err error) {
	if names != "" {
		c.configs, err = measure.SelectVolumes(strings.Split(names, ","))
		return err
	}
	c.configs = slices.DeleteFunc(slices.Clone(measure.VolumeConfigs), func(m measure.VolumeConfig) bool { return c.quick && !m.Quick })
	return nil
}

func (c *volumesCommand) selectWorkloads(names string) error {
	wanted := volumeWorkloadNames()
	if names != "" {
		wanted = strings.Split(names, ",")
	}
	for _, n := range wanted {
		if !slices.Contains(volumeWorkloadNames(), n) {
			return fmt.Errorf("no workload %q; there are %s", n, strings.Join(volumeWorkloadNames(), ", "))
		}
	}
	for _, w := range workload.Volumes {
		if slices.Contains(wanted, w.Name) && !(c.quick && w.Slow && names == "") {
			c.workloads = append(c.workloads, w)
		}
	}
	return nil
}

func volumeWorkloadNames() (names []string) {
	for _, w := range workload.Volumes {
		names = append(names, w.Name)
	}
	return names
}

func runVolumes(ctx context.Context, args []string) error {
	c, err := parseVolumes(args)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(c.out, 0o755); err != nil {
		return err
	}
	path := c.report
	if path == "" {
		r, err := benchmarkVolumes(ctx, c, newProgress())
		if err != nil {
			return err
		}
		path = filepath.Join(c.out, report.VolumesFile)
		if err := r.Write(path); err != nil {
			return err
		}
	}
	return showVolumes(path, c.out)
}

// benchmarkVolumes builds and measures, in a new directory of its own.
func benchmarkVolumes(ctx context.Context, c volumesCommand, p *measure.Progress) (r *results.Results, err error) {
	var skipped []string
	if c.clients.Dir, err = filepath.Abs(c.clients.Dir); err != nil {
		return nil, err
	}
	if c.configs, skipped, err = measure.FindClients(ctx, &c.clients, c.configs, p.Say); err != nil {
		return nil, err
	}
	if len(c.configs) == 0 {
		return nil, fmt.Errorf("nothing can be measured: %s", strings.Join(skipped, "; "))
	}
	o := measure.VolumeOptions{Configs: c.configs, Rounds: c.count, Clients: c.clients, Progress: p}
	var missing []string
	o.Tools, missing = measure.FindGit()
	o.Workloads = slices.DeleteFunc(c.workloads, func(w workload.Workload) bool { return w.Tool == workload.ToolGit && o.Tools.Git == "" })
	skipped = append(skipped, missing...)
	for _, s := range skipped {
		p.Say(s)
	}
	err = inDir(c.module, c.dir, func(module, dir, bin string) error {
		o.Dir = dir
		if o.Programs, err = measure.Build(ctx, module, bin, []measure.Config{{Kind: measure.Ours}}, p.Say); err != nil {
			return err
		}
		if err := harness.Requirements(ctx, o.Programs.Worker); err != nil {
			return err
		}
		r, err = measure.RunVolumes(ctx, o)
		return err
	})
	if err != nil {
		return nil, err
	}
	r.Skipped, r.Quick = append(skipped, r.Skipped...), c.quick
	return r, nil
}

// showVolumes prints the report of stored results and puts it into a directory.
func showVolumes(path, out string) error {
	r, err := results.Read(path)
	if err != nil {
		return err
	}
	text := report.VolumesMarkdown(r)
	if err := os.WriteFile(filepath.Join(out, report.VolumesTableFile), []byte(text), 0o644); err != nil {
		return err
	}
	_, err = fmt.Println(strings.TrimSuffix(text, "\n"))
	return err
}
