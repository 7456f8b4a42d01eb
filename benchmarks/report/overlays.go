package report

import (
	"fmt"
	"path/filepath"
	"slices"

	"github.com/directfs/runsc/benchmarks/measure"
	"github.com/directfs/runsc/benchmarks/results"
	"github.com/directfs/runsc/benchmarks/stats"
)

// The names of the files of a report on overlays.
const (
	OverlaysFile      = "overlays.json"
	OverlaysTableFile = "overlays.md"
	OverlaysPlotFile  = "overlays.svg"
)

// overlayParts are the tables: upstream's runsc with an overlay that was mounted
// by hand is the nearest that it can do; the plain bind is what an overlay costs.
var overlayParts = []part{
	{"Time", "One worker. Median, and how far its 95 % interval reaches.",
		[]results.Kind{results.Operation, results.Program}, false, ""},
	{"Ratio to " + measure.UpstreamByHand, "Pair by pair: median of the ratios [95 % interval]. Below 1 is faster.",
		[]results.Kind{results.Operation, results.Program}, false, measure.UpstreamByHand},
	{"Ratio to " + measure.OursBind, "What the overlay costs.",
		[]results.Kind{results.Operation, results.Program}, false, measure.OursBind},
	{"On one CPU", "Worker, sandbox and gofer on the same CPU.",
		[]results.Kind{results.OneCPU}, false, ""},
	{"On one CPU: ratio to " + measure.UpstreamByHand, "", []results.Kind{results.OneCPU}, false, measure.UpstreamByHand},
	{"On one CPU: ratio to " + measure.OursByHand, "", []results.Kind{results.OneCPU}, false, measure.OursByHand},
	{"Start to finish", "By hand: without the time for mounting by hand.", []results.Kind{results.Start}, false, ""},
	{"Start to finish: ratio to " + measure.UpstreamBind, "Upstream without an overlay.", []results.Kind{results.Start}, false, measure.UpstreamBind},
	{"Start to finish: ratio to " + measure.OursBind, "", []results.Kind{results.Start}, false, measure.OursBind},
}

// OverlaysMarkdown returns the text of a report on overlays.
func OverlaysMarkdown(r *results.Results) string {
	b := document{}
	b.WriteString(header(r, "Results: overlays", "make bench-overlays"))
	b.section("Goals", "The ratio of the two times, pair by pair. *Undecided*: the limit is in the interval.",
		table([]string{"goal", "limit", "measured", ""}, goalRows(r, OverlayGoals(r))))
	b.section("Start-up cost", "The difference of the two times, pair by pair.",
		table([]string{"what", "measured"}, startCosts(r)))
	b.section("Configurations", "", table([]string{"name", "what"}, configRows(r)))
	b.section("Workloads", "", table([]string{"name", "what"}, workloadRows(r)))
	for _, p := range overlayParts {
		b.section(p.title, p.text, p.table(r))
	}
	return b.String()
}

// OverlayGoals are what the project wants to hold of overlays.
func OverlayGoals(r *results.Results) (goals []Goal) {
	for _, w := range r.Workloads {
		switch w.Kind {
		case results.OneCPU:
			goals = append(goals,
				Goal{w.Name + ": the host's driver as fast as an overlay mounted by hand", measure.OursHost, measure.OursByHand, w.Name, 1, 1.05},
				Goal{w.Name + ": … as upstream with an overlay mounted by hand", measure.OursHost, measure.UpstreamByHand, w.Name, 1, 1.05})
		case results.Start:
			if w.Name != measure.RunTrue {
				goals = append(goals, Goal{w.Name + ": the host's driver no slower than upstream without an overlay", measure.OursHost, measure.UpstreamBind, w.Name, 1, 1})
			}
		}
	}
	return goals
}

// startCosts are what overlays add to a start, as time: a ratio depends on how
// long all else takes.
func startCosts(r *results.Results) (rows [][]string) {
	for _, w := range r.Workloads {
		for _, c := range []string{measure.OursHost, measure.OursSentry} {
			s, err := stats.Difference(r.Values(c, w.Name, 1), r.Values(measure.OursBind, w.Name, 1))
			if w.Kind != results.Start || err != nil || s.N == 0 {
				continue
			}
			rows = append(rows, []string{fmt.Sprintf("%s: %s more than %s", w.Name, c, measure.OursBind), difference(s)})
		}
	}
	return rows
}

// difference formats nanoseconds as milliseconds with their interval.
func difference(s stats.Summary) string {
	const ms = 1e6
	if s.N < stats.MinSamples {
		return fmt.Sprintf("%+.1f ms [too few rounds]", s.Median/ms)
	}
	return fmt.Sprintf("%+.1f ms [%+.1f, %+.1f]", s.Median/ms, s.Lo/ms, s.Hi/ms)
}

// OverlaysPlot draws the ratios of operations and starts into a directory.
func OverlaysPlot(r *results.Results, dir string) error {
	rows := part{kinds: []results.Kind{results.Operation, results.Program, results.Start}}.rows(r)
	rows = slices.DeleteFunc(rows, func(w row) bool { return w.Name == measure.RunTrue })
	configs := slices.DeleteFunc(slices.Clone(r.Configs), func(c results.Config) bool { return slices.Contains(notDrawn, c.Name) })
	p, err := drawRatios(r, rows, configs, measure.UpstreamByHand)
	return save(p, err, filepath.Join(dir, OverlaysPlotFile))
}

// notDrawn are in the tables alone: more would hide each other.
var notDrawn = []string{"upstream-by-hand-lisafs", "ours-by-hand-lisafs", "ours-by-hand-again"}
