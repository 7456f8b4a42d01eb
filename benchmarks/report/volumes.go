package report

import (
	"fmt"
	"slices"
	"strings"

	"github.com/directfs/runsc/benchmarks/measure"
	"github.com/directfs/runsc/benchmarks/results"
	"github.com/directfs/runsc/benchmarks/stats"
	"github.com/directfs/runsc/benchmarks/volumes"
)

// The names of the files of a report on volumes.
const (
	VolumesFile      = "volumes.json"
	VolumesTableFile = "volumes.md"
)

// VolumesMarkdown returns the text of a report on volumes.
func VolumesMarkdown(r *results.Results) string {
	b := document{}
	b.WriteString(header(r, "Results: volumes", "make bench-volumes"))
	b.section("Goals", "The time of our daemon as a ratio to that of the fastest other client with the same cache in the sandbox. *Undecided*: the limit is in the interval.",
		table([]string{"goal", "limit", "measured", ""}, goalRows(r, VolumeGoals(r))))
	b.section("Configurations", "", table([]string{"name", "what"}, configRows(r)))
	b.section("Workloads", "", table([]string{"name", "what"}, workloadRows(r)))
	for _, exclusive := range []bool{false, true} {
		title := ", shared cache"
		if exclusive {
			title = ", exclusive cache"
		}
		cached, rows := withCache(r, exclusive), volumeRows(r)
		host := measure.VolumeName(volumes.HostClient, exclusive)
		b.section("Time"+title, "Of one file, or of the whole; ×16: wall time for one file, over all workers.", part{}.tableOf(cached, rows))
		b.section("Ratio to a directory of the host"+title, "Pair by pair. Above 1 is slower.", part{base: host}.tableOf(cached, rows))
		b.section("Fastest of the others"+title, "", table([]string{"", "client", "time", "ours, as a ratio"}, bestRows(r, exclusive)))
	}
	return b.String()
}

// withCache returns the results of the configurations with one of the caches.
func withCache(r *results.Results, exclusive bool) *results.Results {
	names := append(measure.Competitors(exclusive), measure.VolumeName(volumes.HostClient, exclusive), measure.VolumeName(volumes.OurClient, exclusive))
	cached := *r
	cached.Configs = slices.DeleteFunc(slices.Clone(r.Configs), func(c results.Config) bool { return !slices.Contains(names, c.Name) })
	return &cached
}

// volumeRows are all that there are figures of.
func volumeRows(r *results.Results) (rows []row) {
	for _, w := range r.Workloads {
		for _, n := range workersOf(r, w.Name) {
			rows = append(rows, row{w, n})
		}
	}
	return rows
}

// best is the competitor with the shortest time, or none.
func best(r *results.Results, w row, exclusive bool) (name string, s stats.Summary) {
	for _, c := range measure.Competitors(exclusive) {
		m := stats.Median(r.Values(c, w.Name, w.workers))
		if m.N > 0 && (name == "" || m.Median < s.Median) {
			name, s = c, m
		}
	}
	return name, s
}

func bestRows(r *results.Results, exclusive bool) (rows [][]string) {
	ours := measure.VolumeName(volumes.OurClient, exclusive)
	for _, w := range volumeRows(r) {
		name, s := best(r, w, exclusive)
		if name == "" {
			continue
		}
		rows = append(rows, []string{w.title(r), name, value(s, w.Kind), part{base: name}.cell(r, w, ours)})
	}
	return rows
}

// aims are what the daemon shall reach: for workloads whose names begin with one
// text and end with another, the greatest ratio to the fastest of the others.
var aims = []struct {
	begin, end, about string
	limit             float64
}{
	{"seq-", "", "5 times as fast as", 1 / 5.0},
	{"small", "-warm", "twice as fast as", 1 / 2.0},
	{"small", "-cold", "no slower than", 1},
	{"stat", "", "no slower than", 1},
}

// VolumeGoals are what the project wants to hold of volumes.
func VolumeGoals(r *results.Results) (goals []Goal) {
	for _, exclusive := range []bool{false, true} {
		ours := measure.VolumeName(volumes.OurClient, exclusive)
		for _, w := range volumeRows(r) {
			name, _ := best(r, w, exclusive)
			for _, a := range aims {
				if name == "" || !strings.HasPrefix(w.Name, a.begin) || !strings.HasSuffix(w.Name, a.end) {
					continue
				}
				about := fmt.Sprintf("%s, %s: %s %s", ours, w.name(), a.about, name)
				goals = append(goals, Goal{about, ours, name, w.Name, w.workers, a.limit})
			}
		}
	}
	return goals
}
