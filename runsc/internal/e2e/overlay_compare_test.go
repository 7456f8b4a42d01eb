package e2e

import (
	"slices"
	"strings"
	"testing"

	"github.com/directfs/runsc/runsc/internal/e2e/guest/report"
)

// deviation is something that a container sees differently from a process of
// the host.
type deviation struct {
	// steps are names of steps; one that ends with "*" is for all that begin so.
	// Each of them must occur.
	steps []string

	// inside is what the container sees, or "" where that depends on other
	// deviations or is no single answer.
	inside string

	// access is "directfs" or "LisaFS", or "" where it is the same for both.
	access string

	// caller is "root", or "user" for a runtime without root, or "" where it is the
	// same for both.
	caller string

	// reason says why. A deviation without one is not accepted.
	reason string
}

// absent is what a step is whose record has it not: of a file that is not in
// one of two trees.
const absent = "not there"

// comparison compares records, but for the deviations, and remembers which of
// these it has seen.
type comparison struct {
	deviations []deviation
	seen       map[string]bool
	partial    bool // not all of the tree was read, see [overlayConfig.partial]
}

// newComparison has the deviations that a container with the configuration may,
// and must, show.
func newComparison(t *testing.T, c overlayConfig) comparison {
	t.Helper()
	all := comparison{seen: map[string]bool{}, partial: c.partial()}
	access := map[bool]string{true: "directfs", false: "LisaFS"}[c.directfs]
	caller := map[bool]string{true: "root", false: "user"}[c.owner == 0]
	for _, d := range deviationsOf(c) {
		if d.reason == "" {
			t.Errorf("deviation at %q has no reason", d.steps)
		}
		if (d.access == "" || d.access == access) && (d.caller == "" || d.caller == caller) {
			all.deviations = append(all.deviations, d)
		}
	}
	return all
}

// compareJobs expects what a container has recorded of jobs to be what was
// recorded natively.
func (c comparison) compareJobs(t *testing.T, jobs []string, got, want records) {
	t.Helper()
	for _, job := range jobs {
		c.compare(t, job, got[job], want[job])
	}
}

// compare is compareJobs for one job, whose name is for messages.
func (c comparison) compare(t *testing.T, job string, got, want []report.Step) {
	t.Helper()
	if len(got) == 0 || len(want) == 0 {
		t.Fatalf("%s: %d steps were recorded in the container, %d natively", job, len(got), len(want))
	}
	inside, outside := byName(got), byName(want)
	differences := 0
	for _, name := range namesIn(got, want) {
		in, out := valueOr(inside, name), valueOr(outside, name)
		if in == out || c.accepts(name, in) {
			continue
		}
		if differences++; differences <= shownDifferences {
			t.Errorf("%s: %s: %q, natively %q", job, name, in, out)
		}
	}
	if differences > shownDifferences {
		t.Errorf("%s: %d differences in all", job, differences)
	}
}

// shownDifferences is enough to see what is wrong: a layer in the wrong place
// changes thousands of steps.
const shownDifferences = 40

// accepts looks for a deviation that explains a result.
func (c comparison) accepts(name, result string) bool {
	for _, d := range c.deviations {
		for _, pattern := range d.steps {
			if matches(pattern, name) && (d.inside == "" || d.inside == result) {
				c.seen[d.key(pattern)] = true
				return true
			}
		}
	}
	return false
}

// checkAllSeen fails for deviations that are none any more.
func (c comparison) checkAllSeen(t *testing.T) {
	t.Helper()
	for _, d := range c.deviations {
		for _, pattern := range d.steps {
			if !c.seen[d.key(pattern)] && !(c.partial && strings.HasPrefix(pattern, "tree ")) {
				t.Errorf("%q is as natively; the table of deviations has %q for it: %s", pattern, d.inside, d.reason)
			}
		}
	}
}

// key tells apart deviations at the same step: jobs can see different ones.
func (d deviation) key(pattern string) string { return pattern + " = " + d.inside }

func matches(pattern, name string) bool {
	if prefix, many := strings.CutSuffix(pattern, "*"); many {
		return strings.HasPrefix(name, prefix)
	}
	return pattern == name
}

func byName(steps []report.Step) map[string]string {
	all := map[string]string{}
	for _, s := range steps {
		all[s.Name] = s.Result
	}
	return all
}

func valueOr(all map[string]string, name string) string {
	if v, ok := all[name]; ok {
		return v
	}
	return absent
}

// namesIn are all names, in the order of the records.
func namesIn(records ...[]report.Step) []string {
	var names []string
	seen := map[string]bool{}
	for s := range slices.Values(slices.Concat(records...)) {
		if !seen[s.Name] {
			names, seen[s.Name] = append(names, s.Name), true
		}
	}
	return names
}

// A table that accepts what it should not would hide everything.
func TestOverlayComparison(t *testing.T) {
	t.Parallel()
	c := comparison{seen: map[string]bool{}, deviations: []deviation{
		{steps: []string{"a: x"}, inside: "EIO", reason: "known"}, {steps: []string{"b: *"}, reason: "known"},
	}}
	for _, try := range []struct {
		name, result string
		accepted     bool
	}{{"a: x", "EIO", true}, {"a: x", "EPERM", false}, {"a: xy", "EIO", false}, {"b: any", "EIO", true}, {"c: x", "EIO", false}} {
		if got := c.accepts(try.name, try.result); got != try.accepted {
			t.Errorf("%q: %q is accepted: %v", try.name, try.result, got)
		}
	}
	if !c.seen["a: x = EIO"] || !c.seen["b: * = "] || len(c.seen) != 2 {
		t.Errorf("seen: %v", c.seen)
	}
}
