package report

import (
	"fmt"

	"github.com/directfs/runsc/benchmarks/measure"
	"github.com/directfs/runsc/benchmarks/results"
	"github.com/directfs/runsc/benchmarks/stats"
)

// Goal is a bound on how much longer than another configuration one may take.
type Goal struct {
	// About says it in words.
	About string

	// Config and Base are compared: the ratio of their times.
	Config, Base string
	Workload     string

	// Workers is how many work at once.
	Workers int

	// Limit is the greatest ratio that meets the goal.
	Limit float64
}

// Verdict says whether a goal is met.
type Verdict string

const (
	// Met is a goal whose whole interval is within the limit.
	Met Verdict = "met"

	// NotMet is one whose whole interval is beyond it.
	NotMet Verdict = "**not met**"

	// Undecided is one whose limit is in the interval.
	Undecided Verdict = "undecided"

	// NotMeasured is one that this run knows nothing about.
	NotMeasured Verdict = "not measured"
)

// Goals are what the project wants to hold.
func Goals(r *results.Results) []Goal {
	var goals []Goal
	for _, w := range r.Workloads {
		if w.Kind == results.OneCPU {
			goals = append(goals, Goal{w.Name + ": mixed, directfs, as fast as upstream all directfs",
				measure.OursMixed, measure.UpstreamDirectFS, w.Name, 1, 1.05},
				Goal{w.Name + ": exclusive cache, directfs, as fast as upstream's own exclusive cache",
					measure.OursDirectFSExclusive, measure.UpstreamDirectFSExclusive, w.Name, 1, 1.05})
		}
	}
	shared := measure.UpstreamDirectFS
	return append(goals,
		Goal{"stat: mixed, directfs, twice as fast as upstream all off", measure.OursMixed, measure.UpstreamLisaFS, "stat", 1, 1 / 2.0},
		Goal{"stat: exclusive cache 2.5 times as fast as upstream's default", measure.OursDirectFSExclusive, shared, "stat", 1, 1 / 2.5},
		Goal{"open-read: exclusive cache 1.8 times as fast", measure.OursDirectFSExclusive, shared, "open-read", 1, 1 / 1.8},
		Goal{"readdir: exclusive cache 4 times as fast", measure.OursDirectFSExclusive, shared, "readdir", 1, 1 / 4.0},
		Goal{"stat: LisaFS with exclusive cache no slower than upstream's default", measure.OursLisaFSExclusive, shared, "stat", 1, 1},
		Goal{"run true: no slower than upstream", measure.OursDirectFS, shared, measure.RunTrue, 1, 1},
		Goal{"run true: at most 0.80 of upstream", measure.OursDirectFS, shared, measure.RunTrue, 1, 0.80},
		Goal{"a start with 100 mounts: no slower than upstream", measure.OursDirectFS, shared, "start-100", 1, 1},
	)
}

// judge compares a goal with what was measured.
func judge(r *results.Results, g Goal) (stats.Summary, Verdict) {
	a, b := r.Values(g.Config, g.Workload, g.Workers), r.Values(g.Base, g.Workload, g.Workers)
	s, err := stats.Ratio(a, b)
	switch {
	case err != nil || s.N == 0:
		return s, NotMeasured
	case s.Hi <= g.Limit:
		return s, Met
	case s.Lo > g.Limit:
		return s, NotMet
	}
	return s, Undecided
}

func goalRows(r *results.Results, goals []Goal) [][]string {
	var rows [][]string
	for _, g := range goals {
		s, v := judge(r, g)
		measured := "–"
		if v != NotMeasured {
			measured = ratio(s)
		}
		if shaky(r, g.Workload, g.Workers) {
			measured += " " + shakyMark
		}
		rows = append(rows, []string{g.About, fmt.Sprintf("≤ %.2f", g.Limit), measured, string(v)})
	}
	return rows
}
