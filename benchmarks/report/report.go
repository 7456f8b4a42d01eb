// Package report turns results into tables, plots and verdicts. Equal results
// give equal texts.
package report

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/directfs/runsc/benchmarks/measure"
	"github.com/directfs/runsc/benchmarks/results"
	"github.com/directfs/runsc/benchmarks/stats"
)

// The names of the files of a report.
const (
	ResultsFile = "results.json"
	TableFile   = "results.md"
)

// base is what ratios are to: upstream as it is without any flag.
const base = measure.UpstreamDirectFS

// Markdown returns the report's text.
func Markdown(r *results.Results) string {
	b := document{}
	b.WriteString(header(r, "Results", "make bench"))
	section := b.section
	section("Goals", "The ratio of the two times, pair by pair. *Undecided*: the limit is in the interval.",
		table([]string{"goal", "limit", "measured", ""}, goalRows(r, Goals(r))))
	section("Configurations", "", table([]string{"name", "what"}, configRows(r)))
	section("Workloads", "", table([]string{"name", "what"}, workloadRows(r)))
	for _, part := range parts {
		section(part.title, part.text, part.table(r))
	}
	section("Deciding", "Nanoseconds and allocations for each mount; see policy.svg.", policyTable(r))
	return b.String()
}

// document is a text of sections.
type document struct{ strings.Builder }

// section adds one, unless its table is empty.
func (d *document) section(title, text, table string) {
	if table == "" {
		return
	}
	fmt.Fprintf(d, "\n## %s\n\n", title)
	if text != "" {
		fmt.Fprintf(d, "%s\n\n", text)
	}
	d.WriteString(table)
}

func header(r *results.Results, title, command string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "# %s\n\n<!-- written by %s; do not edit -->\n\n", title, command)
	m := r.Machine
	fmt.Fprintf(&b, "%s, %d rounds in %s. %s, %d CPUs, %s of memory, Linux %s, %s, files on %s, gVisor %s.\n",
		r.Started.Format("2006-01-02"), r.Rounds, time.Duration(r.Seconds*float64(time.Second)), m.CPU, m.CPUs,
		quantity(float64(m.Memory)/1024, results.Memory), m.Kernel, m.Go, m.FileSystem, m.Engine)
	if r.Quick {
		b.WriteString("\nA quick run: few rounds of short samples.\n")
	}
	if reasons := Noisy(r); len(reasons) > 0 {
		b.WriteString("\n**The machine was too noisy; measure again:**\n\n")
		for _, s := range reasons {
			fmt.Fprintf(&b, "- %s\n", s)
		}
	} else {
		b.WriteString("\nThe machine was quiet enough.\n")
	}
	for _, s := range r.Skipped {
		fmt.Fprintf(&b, "\n%s\n", s)
	}
	return b.String()
}

func configRows(r *results.Results) (rows [][]string) {
	for _, c := range r.Configs {
		rows = append(rows, []string{c.Name, c.About})
	}
	return rows
}

func workloadRows(r *results.Results) (rows [][]string) {
	for _, w := range r.Workloads {
		if w.Kind != results.Memory {
			rows = append(rows, []string{w.Name, w.About})
		}
	}
	return rows
}

// part is one table of figures: workloads down, configurations across.
type part struct {
	title, text string
	kinds       []results.Kind
	concurrent  bool   // more than one worker
	base        string // what ratios are to; none for absolute figures
}

var parts = []part{
	{"Time for one operation", "One worker. Median, and how far its 95 % interval reaches.",
		[]results.Kind{results.Operation, results.Program}, false, ""},
	{"Ratio to " + base, "Pair by pair: median of the ratios [95 % interval]. Below 1 is faster.",
		[]results.Kind{results.Operation, results.Program}, false, base},
	{"On one CPU", "Worker, sandbox and gofer on the same CPU.",
		[]results.Kind{results.OneCPU}, false, ""},
	{"On one CPU: ratio to " + base, "", []results.Kind{results.OneCPU}, false, base},
	{"Concurrent workers", "Wall time for one operation, over all workers.",
		[]results.Kind{results.Operation}, true, ""},
	{"Concurrent workers: ratio to " + base, "", []results.Kind{results.Operation}, true, base},
	{"Start to finish", "", []results.Kind{results.Start}, false, ""},
	{"Start to finish: ratio to " + base, "", []results.Kind{results.Start}, false, base},
	{"Memory", "", []results.Kind{results.Memory}, false, ""},
}

// row is one line of a part.
type row struct {
	results.Workload
	workers int
}

func (p part) table(r *results.Results) string { return p.tableOf(r, p.rows(r)) }

func (p part) tableOf(r *results.Results, list []row) string {
	var names []string
	for _, c := range r.Configs {
		if p.has(r, list, c.Name) {
			names = append(names, c.Name)
		}
	}
	var rows [][]string
	for _, w := range list {
		cells := []string{w.title(r)}
		for _, c := range names {
			cells = append(cells, p.cell(r, w, c))
		}
		rows = append(rows, cells)
	}
	if len(names) == 0 {
		return ""
	}
	return table(append([]string{""}, names...), rows)
}

func (w row) name() string {
	if w.workers > 1 {
		return fmt.Sprintf("%s ×%d", w.Name, w.workers)
	}
	return w.Name
}

func (w row) title(r *results.Results) string {
	title := w.name()
	if shaky(r, w.Name, w.workers) {
		title += " " + shakyMark
	}
	return title
}

// rows finds what the part has figures of.
func (p part) rows(r *results.Results) (rows []row) {
	for _, w := range r.Workloads {
		for _, k := range p.kinds {
			if w.Kind != k {
				continue
			}
			for _, n := range workersOf(r, w.Name) {
				if (n > 1) == p.concurrent {
					rows = append(rows, row{w, n})
				}
			}
		}
	}
	return rows
}

// workersOf returns the numbers of workers in the order of measuring.
func workersOf(r *results.Results, workload string) (list []int) {
	seen := map[int]bool{}
	for _, s := range r.Series {
		if s.Workload == workload && !seen[s.Workers] {
			seen[s.Workers] = true
			list = append(list, s.Workers)
		}
	}
	return list
}

// has says whether a configuration has any figure in the rows.
func (p part) has(r *results.Results, rows []row, config string) bool {
	return slices.ContainsFunc(rows, func(w row) bool { return p.cell(r, w, config) != "" })
}

func (p part) cell(r *results.Results, w row, config string) string {
	values := r.Values(config, w.Name, w.workers)
	if len(values) == 0 {
		return ""
	}
	if p.base == "" {
		return value(stats.Median(values), w.Kind)
	}
	s, err := stats.Ratio(values, r.Values(p.base, w.Name, w.workers))
	if err != nil || config == p.base {
		return ""
	}
	return ratio(s)
}

func policyTable(r *results.Results) string {
	var rows [][]string
	for _, s := range r.Policy {
		rows = append(rows, []string{"`" + s.Function + "`", fmt.Sprint(s.Mounts),
			value(stats.Median(results.Floats(s.Nanoseconds)), results.Operation), digits(s.Allocations)})
	}
	return table([]string{"function", "mounts", "time for each", "allocations for each"}, rows)
}
