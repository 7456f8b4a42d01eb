package conformance

import (
	"maps"
	"slices"
	"testing"

	"github.com/directfs/runsc/runsc/internal/clients/conformance/baseline"
	"github.com/directfs/runsc/runsc/internal/clients/lab"
)

// The programs of runtime-tools come to what the list says, on each runtime. One
// runtime after the other: all use the same cgroups.
func TestOCI(t *testing.T) {
	t.Parallel()
	list := load(t, "runtimetools")
	for _, runtime := range runtimes {
		t.Run(runtime, func(t *testing.T) {
			expected := list.Expected(runtime)
			different := list.Differences(runtime, runTools(t, runtime).results(expected))
			for _, spec := range slices.Sorted(maps.Keys(different)) {
				t.Errorf("%s: %s", spec, different[spec])
			}
		})
	}
	t.Run("flags", func(t *testing.T) {
		specs := list.Where(flagWord)
		got := runTools(t, baseline.Ours, "--net-raw", "--overlay2=none", "--oci-seccomp").results(list.Expected(baseline.Ours))
		for _, spec := range specs {
			if got[spec] != baseline.Passed {
				t.Errorf("%s: %s", spec, got[spec])
			}
		}
	})
}

func TestPoints(t *testing.T) {
	p := points{map[string]baseline.Result{}, map[string]map[string]bool{}}
	p.add("silent", lab.Result{Stdout: "TAP version 13\n1..0\n"})
	p.add("unhappy", lab.Result{Stdout: "TAP version 13\n  ---\n  {\n    \"error\": \"x\"\n  }\n  ...\n1..0\n"})
	p.add("ended", lab.Result{Stdout: "ok 1 - a\n", Code: 1})
	p.add("mixed", lab.Result{Stdout: "ok 1 - a\nok 2 # SKIP x\nnot ok 3 - b\nok 4 - b\nnot ok 5 - exit status 7\nok 6 - c\nnot ok 7\n"})
	p.add("good", lab.Result{Stdout: "ok 1 - b\n  not ok 2 - of a program inside\n"})
	want := map[string]baseline.Result{
		"silent": baseline.Passed, "unhappy": baseline.Failed, "ended": baseline.Failed, "mixed": baseline.Failed, "good": baseline.Passed,
		"mixed: b": baseline.Failed, "mixed: exit status": baseline.Failed, "mixed: (without a description)": baseline.Failed,
		"mixed: c": baseline.Passed, "mixed: d": baseline.Skipped,
	}
	expected := map[string]baseline.Result{"mixed: c": baseline.Failed, "mixed: d": baseline.Passed, "gone": baseline.Passed}
	if got := p.results(expected); !maps.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
	for _, program := range []string{"1", "2", "3", "4", "5"} {
		p.add(program, lab.Result{Stdout: "not ok 1 - shared\n"})
	}
	if got := p.results(nil); got["runtimetest: shared"] != baseline.Failed || got["1: shared"] != "" {
		t.Errorf("%v", got)
	}
}
