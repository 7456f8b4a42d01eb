package report

import (
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/directfs/runsc/benchmarks/measure"
	"github.com/directfs/runsc/benchmarks/results"
	"github.com/directfs/runsc/benchmarks/stats"
	"gonum.org/v1/plot"
)

// drawn are the configurations of the plots; the tables have all. More would
// hide each other.
func drawn(r *results.Results) (list []results.Config) {
	names := []string{floor, "runc", measure.UpstreamDirectFS, measure.UpstreamLisaFS, measure.OursDirectFS,
		measure.OursMixed, measure.OursDirectFSExclusive, measure.OursLisaFSExclusive}
	for _, c := range r.Configs {
		if slices.Contains(names, c.Name) {
			list = append(list, c)
		}
	}
	return list
}

// drawOperations shows every workload's ratio to upstream's default, on a
// logarithmic axis: as far above 1 as twice as slow is, as far below is twice
// as fast.
func drawOperations(r *results.Results) (*plot.Plot, error) {
	return drawRatios(r, parts[1].rows(r), drawn(r), base)
}

// drawRatios shows the ratios of configurations to one of them.
func drawRatios(r *results.Results, rows []row, configs []results.Config, base string) (*plot.Plot, error) {
	var lines []line
	for i, c := range configs {
		l := line{name: c.Name}
		for x, w := range rows {
			s, err := stats.Ratio(r.Values(c.Name, w.Name, w.workers), r.Values(base, w.Name, w.workers))
			if err != nil || s.N == 0 {
				continue
			}
			// Side by side, so that intervals do not hide each other.
			shift := 0.7 * (float64(i)/float64(len(configs)) - 0.5)
			l.add(float64(x)+shift, s, 1)
		}
		lines = append(lines, l)
	}
	if empty(lines) {
		return nil, nil
	}
	p := newPlot("Time, as a ratio to "+base+" (lower is faster)", "", "ratio")
	names := make([]string, len(rows))
	for i, w := range rows {
		names[i] = w.Name
	}
	if err := drawLines(p, lines, false); err != nil {
		return nil, err
	}
	logarithmic(&p.Y)
	p.NominalX(names...)
	p.X.Tick.Label.Rotation = math.Pi / 6
	p.X.Tick.Label.XAlign, p.X.Tick.Label.YAlign = -1, -0.5
	p.X.Max = float64(len(rows)) + 5 // room for the legend
	return p, nil
}

// drawWorkers shows how stat gets on with more workers than CPUs.
func drawWorkers(r *results.Results) (*plot.Plot, error) {
	var lines []line
	for _, c := range drawn(r) {
		l := line{name: c.Name}
		for _, n := range workersOf(r, "stat") {
			l.add(float64(n), stats.Median(r.Values(c.Name, "stat", n)), 1000)
		}
		if len(l.XYs) > 1 {
			lines = append(lines, l)
		}
	}
	if empty(lines) {
		return nil, nil
	}
	p := newPlot("stat: wall time for one operation, over all workers", "concurrent workers", "µs")
	if err := drawLines(p, lines, true); err != nil {
		return nil, err
	}
	logarithmic(&p.Y)
	p.X.Min, p.X.Max = 0, 13
	return p, nil
}

// drawStarts shows what mounts cost at the start.
func drawStarts(r *results.Results) (*plot.Plot, error) {
	var lines []line
	for _, c := range drawn(r) {
		l := line{name: c.Name}
		for _, w := range r.Workloads {
			n, err := strconv.Atoi(strings.TrimPrefix(w.Name, "start-"))
			if w.Kind == results.Start && err == nil {
				l.add(float64(n), stats.Median(r.Values(c.Name, w.Name, 1)), 1e6)
			}
		}
		lines = append(lines, l)
	}
	if empty(lines) {
		return nil, nil
	}
	p := newPlot("Start to finish of a container", "mounts", "ms")
	p.Y.Min = 0
	if err := drawLines(p, lines, true); err != nil {
		return nil, err
	}
	p.Y.Min, p.X.Max = 0, 160
	return p, nil
}

// drawPolicy shows how the decision grows: a flat line is linear growth.
func drawPolicy(r *results.Results) (*plot.Plot, error) {
	byName := map[string]*line{}
	var lines []*line
	for _, s := range r.Policy {
		l := byName[s.Function]
		if l == nil {
			l = &line{name: s.Function}
			byName[s.Function], lines = l, append(lines, l)
		}
		l.add(float64(s.Mounts), stats.Median(results.Floats(s.Nanoseconds)), 1)
	}
	if len(lines) == 0 {
		return nil, nil
	}
	all := make([]line, len(lines))
	for i, l := range lines {
		all[i] = *l
	}
	p := newPlot("Deciding: time for each mount", "mounts", "ns for each mount")
	if err := drawLines(p, all, true); err != nil {
		return nil, err
	}
	logarithmic(&p.X)
	logarithmic(&p.Y)
	return p, nil
}

func empty(lines []line) bool {
	for _, l := range lines {
		if len(l.XYs) > 0 {
			return false
		}
	}
	return true
}
