package report

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/directfs/runsc/benchmarks/measure"
	"github.com/directfs/runsc/benchmarks/results"
)

var update = flag.Bool("update", false, "write the golden file")

// example has six rounds in which the values go up and down together.
func example() *results.Results {
	r := &results.Results{
		Version: results.Version, Started: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC), Seconds: 75, Rounds: 6,
		Machine: results.Machine{CPU: "Example", CPUs: 2, Memory: 8 << 30, Kernel: "6.1", Go: "go1.26", FileSystem: "ext4", Engine: "abcdef"},
		Noise:   results.Noise{LoadBefore: 0.2, StealPercent: 0.1, Spin: []results.Value{100, 100, 101, 100, 99, 100}},
		Skipped: []string{"runc: not installed: skipped"},
		Workloads: []results.Workload{
			{Name: "stat", Kind: results.Operation, About: "stat(2)"},
			{Name: "open-read", Kind: results.Operation, About: "open, read, close"},
			{Name: "stat-1cpu", Kind: results.OneCPU, About: "stat on one CPU"},
			{Name: "untar", Kind: results.Program, About: "extract"},
			{Name: measure.RunTrue, Kind: results.Start, About: "start to finish"},
			{Name: "start-10", Kind: results.Start, About: "10 mounts"},
			{Name: "pss-sandbox-idle", Kind: results.Memory, About: "memory"},
		},
		Policy: []results.PolicySeries{
			{Function: "f", Mounts: 1, Nanoseconds: []results.Value{900, 910, 905, 903, 902, 901}, Allocations: 7},
			{Function: "f", Mounts: 100, Nanoseconds: []results.Value{300, 310, 305, 303, 302, 301}, Allocations: 2.5},
		},
	}
	for _, c := range []struct {
		name   string
		factor float64
	}{{floor, 0.05}, {base, 1}, {measure.UpstreamLisaFS, 2.2}, {measure.OursMixed, 1.01}, {measure.OursDirectFS, 0.9}, {measure.OursLisaFSExclusive, 0.8}} {
		r.Configs = append(r.Configs, results.Config{Name: c.name, About: "about " + c.name})
		for i, drift := range []float64{1, 1.1, 1.2, 1.1, 1, 0.95} {
			f := c.factor * drift
			r.Add(c.name, "stat", 1, 20_000*f)
			r.Add(c.name, "stat", 8, 11_000*f)
			r.Add(c.name, "open-read", 1, 31_000*f*(1+0.03*float64(i%3)*c.factor))
			if c.name == base || c.name == measure.OursMixed {
				r.Add(c.name, "stat-1cpu", 1, 40_000*f)
			}
			r.Add(c.name, "untar", 1, 0.6e9*f)
			r.Add(c.name, measure.RunTrue, 1, 80e6*f)
			if c.name != floor {
				r.Add(c.name, "start-10", 1, 90e6*f)
				r.Add(c.name, "pss-sandbox-idle", 1, 15_000)
			}
		}
	}
	return r
}

func TestGolden(t *testing.T) { checkGolden(t, "results.md", Markdown(example())) }

// checkGolden compares a report with a file in testdata.
func checkGolden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("the report differs from %s; look at both, then run go test -update:\n%s", path, got)
	}
}

// Equal results must still be equal after they were stored.
func TestStored(t *testing.T) {
	path := filepath.Join(t.TempDir(), ResultsFile)
	if err := example().Write(path); err != nil {
		t.Fatal(err)
	}
	r, err := results.Read(path)
	if err != nil {
		t.Fatal(err)
	}
	if Markdown(r) != Markdown(example()) {
		t.Error("the stored results give another report")
	}
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	newer := strings.Replace(string(text), `"version": 1`, `"version": 2`, 1)
	if err := os.WriteFile(path, []byte(newer), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := results.Read(path); err == nil {
		t.Error("no error for results of another version")
	}
}

func TestVerdicts(t *testing.T) {
	r := example()
	for _, test := range []struct {
		limit float64
		want  Verdict
	}{{0.89, NotMet}, {0.9, Met}, {1, Met}} {
		g := Goal{"", measure.OursDirectFS, base, "stat", 1, test.limit}
		if s, got := judge(r, g); got != test.want {
			t.Errorf("%+v within %v: %s, want %s", s, test.limit, got, test.want)
		}
	}
	s, _ := judge(r, Goal{"", measure.OursDirectFS, base, "open-read", 1, 1})
	if s.Lo >= s.Median || s.Median >= s.Hi {
		t.Fatalf("%+v has no interval to be undecided about", s)
	}
	if _, got := judge(r, Goal{"", measure.OursDirectFS, base, "open-read", 1, s.Median}); got != Undecided {
		t.Errorf("a limit within the interval: %s", got)
	}
	if _, got := judge(r, Goal{"", measure.OursDirectFSExclusive, base, "stat", 1, 1}); got != NotMeasured {
		t.Errorf("a configuration that was not measured: %s", got)
	}
	// Of five rounds nothing can be said.
	for i := range r.Series {
		r.Series[i].Values = r.Series[i].Values[:5]
	}
	if _, got := judge(r, Goal{"", measure.OursDirectFS, base, "stat", 1, 100}); got != Undecided {
		t.Errorf("five rounds: %s", got)
	}
}

func TestNoisy(t *testing.T) {
	tests := []struct {
		name   string
		change func(*results.Results)
		want   int
	}{
		{"quiet", func(*results.Results) {}, 0},
		{"load", func(r *results.Results) { r.Noise.LoadBefore = 1.1 }, 1},
		{"load of many CPUs", func(r *results.Results) { r.Noise.LoadBefore, r.Machine.CPUs = 1.1, 16 }, 0},
		{"steal", func(r *results.Results) { r.Noise.StealPercent = 1.5 }, 1},
		{"spin", func(r *results.Results) { r.Noise.Spin = []results.Value{100, 130, 100, 130, 100, 130} }, 1},
		{"one slow spin", func(r *results.Results) { r.Noise.Spin[0] = 1000 }, 0},
		{"all", func(r *results.Results) {
			r.Noise = results.Noise{LoadBefore: 9, StealPercent: 9, Spin: []results.Value{1, 2, 3, 4}}
		}, 3},
	}
	for _, test := range tests {
		r := example()
		test.change(r)
		reasons := Noisy(r)
		if len(reasons) != test.want {
			t.Errorf("%s: %q, want %d reasons", test.name, reasons, test.want)
		}
		if said := strings.Contains(Markdown(r), "too noisy"); said != (test.want > 0) {
			t.Errorf("%s: the report says so: %t", test.name, said)
		}
	}
}

func TestShaky(t *testing.T) {
	r := example()
	if shaky(r, "stat", 1) || !shaky(&results.Results{Series: []results.Series{
		{Config: floor, Workload: "stat", Workers: 1, Values: []results.Value{1, 2, 3, 4, 5, 6}},
	}}, "stat", 1) {
		t.Error("the host's spread is judged wrongly")
	}
}

func TestPlots(t *testing.T) {
	dir := t.TempDir()
	if err := Plots(example(), dir); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"operations.svg", "workers.svg", "starts.svg", "policy.svg"} {
		text, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			t.Error(err)
		} else if !strings.Contains(string(text), "<svg") {
			t.Errorf("%s is no SVG", name)
		}
	}
	// Nothing measured, nothing drawn.
	empty := t.TempDir()
	if err := Plots(&results.Results{}, empty); err != nil {
		t.Error(err)
	}
	if left, err := os.ReadDir(empty); err != nil || len(left) > 0 {
		t.Errorf("drew %v of nothing, %v", left, err)
	}
}
