package report

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/directfs/runsc/benchmarks/measure"
	"github.com/directfs/runsc/benchmarks/results"
)

// overlaysExample has six rounds in which the values go up and down together.
func overlaysExample() *results.Results {
	r := example()
	r.Configs, r.Series, r.Policy = nil, nil, nil
	r.Workloads = []results.Workload{
		{Name: "stat", Kind: results.Operation, About: "stat(2)"},
		{Name: "copy-up", Kind: results.Operation, About: "write to a lower file"},
		{Name: "stat-1cpu", Kind: results.OneCPU, About: "stat on one CPU"},
		{Name: measure.RunTrue, Kind: results.Start, About: "start to finish"},
		{Name: measure.LowersName(10), Kind: results.Start, About: "10 layers"},
	}
	addOverlay(r, floor, 0.05)
	addOverlay(r, measure.UpstreamBind, 0.8)
	addOverlay(r, measure.UpstreamByHand, 1)
	addOverlay(r, measure.OursBind, 0.7)
	addOverlay(r, measure.OursByHand, 0.9)
	addOverlay(r, measure.OursHost, 0.93)
	addOverlay(r, measure.OursSentry, 2)
	return r
}

func addOverlay(r *results.Results, config string, factor float64) {
	r.Configs = append(r.Configs, results.Config{Name: config, About: "about " + config})
	plain := config == measure.UpstreamBind || config == measure.OursBind
	for _, drift := range []float64{1, 1.1, 1.2, 1.1, 1, 0.95} {
		f := factor * drift
		r.Add(config, "stat", 1, 20_000*f)
		if !plain {
			r.Add(config, "copy-up", 1, 2e6*f)
		}
		if plain {
			r.Add(config, measure.RunTrue, 1, 80e6*f)
		}
		if config != floor {
			r.Add(config, measure.LowersName(10), 1, 100e6*f)
			r.Add(config, "stat-1cpu", 1, 40_000*f)
		}
	}
}

func TestOverlaysGolden(t *testing.T) {
	checkGolden(t, "overlays.md", OverlaysMarkdown(overlaysExample()))
}

func TestOverlayGoals(t *testing.T) {
	r := overlaysExample()
	verdicts := map[string]Verdict{}
	for _, g := range OverlayGoals(r) {
		_, v := judge(r, g)
		verdicts[g.Workload+" "+g.Config+" "+g.Base] = v
	}
	want := map[string]Verdict{
		"stat-1cpu ours-host ours-by-hand": Met, "stat-1cpu ours-host upstream-by-hand": Met, "start-lowers-10 ours-host upstream-bind": NotMet,
	}
	if len(verdicts) != len(want) {
		t.Errorf("%d goals, want %d", len(verdicts), len(want))
	}
	for name, v := range want {
		if verdicts[name] != v {
			t.Errorf("%s: %q, want %q", name, verdicts[name], v)
		}
	}
	for _, s := range r.Series {
		if s.Config == measure.OursHost && s.Workload == "stat-1cpu" {
			for i := range s.Values {
				s.Values[i] *= 1.04 // 1.07 of the overlay mounted by hand
			}
		}
	}
	if s, v := judge(r, OverlayGoals(r)[0]); v != NotMet {
		t.Errorf("%+v is %s", s, v)
	}
}

// What is not measured of a configuration is in no table.
func TestOverlayCosts(t *testing.T) {
	rows := startCosts(overlaysExample())
	if len(rows) != 2 || !strings.Contains(rows[0][0], measure.OursHost) || !strings.HasPrefix(rows[0][1], "+24.") || !strings.HasPrefix(rows[1][1], "+136") {
		t.Errorf("costs are %q", rows)
	}
	r := overlaysExample()
	for i := range r.Series {
		r.Series[i].Values = r.Series[i].Values[:3]
	}
	if rows := startCosts(r); len(rows) != 2 || !strings.Contains(rows[0][1], "too few rounds") {
		t.Errorf("costs of three rounds are %q", rows)
	}
}

func TestOverlaysPlot(t *testing.T) {
	dir := t.TempDir()
	if err := OverlaysPlot(overlaysExample(), dir); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(filepath.Join(dir, OverlaysPlotFile))
	if err != nil || !strings.Contains(string(text), "<svg") {
		t.Errorf("no SVG: %v", err)
	}
	empty := t.TempDir()
	if err := OverlaysPlot(&results.Results{}, empty); err != nil {
		t.Error(err)
	}
	if left, err := os.ReadDir(empty); err != nil || len(left) > 0 {
		t.Errorf("drew %v of nothing, %v", left, err)
	}
}
