// Package baseline is a stored list of what a conformance suite's specs come to
// on several runtimes, and why. The list is compared with a run both ways: a spec
// that fails and one that passes, where the list says otherwise, are differences.
package baseline

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Result is what a spec comes to.
type Result string

// Results. A spec that the suite itself does not run on this machine or runtime is
// skipped; one that is not asked for is excluded.
const (
	Passed   Result = "passed"
	Failed   Result = "failed"
	Skipped  Result = "skipped"
	Excluded Result = "excluded"
)

// Names of runtimes that a list must have.
const (
	Upstream = "upstream"
	Ours     = "ours"
)

// List is all specs of a suite.
type List struct {
	// Runtimes are the columns, in the order of the file.
	Runtimes []string
	Groups   []Group
}

// Group is specs that come to the same for the same reason.
type Group struct {
	Results []Result // one for each runtime

	// Where says whose it is that they do not all pass, such as "sentry". Why
	// says the cause. Both are empty if all pass.
	Where, Why string

	Specs []string
}

// Parse reads a list. Its first line names the runtimes. A line with a result for
// each, and "| where | why" unless all are passed, begins a group, whose specs
// follow, indented. Empty lines and those that begin with # are for readers.
func Parse(text string) (List, error) {
	var l List
	var errs []error
	for i, line := range strings.Split(text, "\n") {
		switch content := strings.TrimSpace(line); {
		case content == "" || content[0] == '#':
		case l.Runtimes == nil:
			l.Runtimes = strings.Fields(content)
		case content != line && len(l.Groups) > 0:
			g := &l.Groups[len(l.Groups)-1]
			g.Specs = append(g.Specs, content)
		default:
			g, err := parseGroup(content, len(l.Runtimes))
			if err != nil {
				errs = append(errs, fmt.Errorf("line %d: %w", i+1, err))
			}
			l.Groups = append(l.Groups, g)
		}
	}
	return l, errors.Join(append(errs, l.check()...)...)
}

func parseGroup(line string, runtimes int) (Group, error) {
	fields := strings.SplitN(line, "|", 3)
	var g Group
	for _, word := range strings.Fields(fields[0]) {
		g.Results = append(g.Results, Result(word))
		if !slices.Contains([]Result{Passed, Failed, Skipped, Excluded}, Result(word)) {
			return g, fmt.Errorf("result %q; allowed: passed, failed, skipped, excluded", word)
		}
	}
	if len(g.Results) != runtimes {
		return g, fmt.Errorf("%d results for %d runtimes", len(g.Results), runtimes)
	}
	if len(fields) == 3 {
		g.Where, g.Why = strings.TrimSpace(fields[1]), strings.TrimSpace(fields[2])
	}
	if g.all(Passed) != (g.Why == "") || g.all(Passed) != (g.Where == "") {
		return g, errors.New("write | where | why, unless all pass")
	}
	return g, nil
}

func (g Group) all(r Result) bool {
	return !slices.ContainsFunc(g.Results, func(other Result) bool { return other != r })
}

// check finds what is wrong with a list as a whole.
func (l List) check() (errs []error) {
	upstream, ours := slices.Index(l.Runtimes, Upstream), slices.Index(l.Runtimes, Ours)
	if upstream < 0 || ours < 0 {
		return []error{fmt.Errorf("runtimes %q: %s and %s must be among them", l.Runtimes, Upstream, Ours)}
	}
	seen := map[string]bool{}
	for _, g := range l.Groups {
		for _, s := range g.Specs {
			if seen[s] {
				errs = append(errs, fmt.Errorf("spec %q is there twice", s))
			}
			seen[s] = true
		}
		if len(g.Results) == len(l.Runtimes) && g.Results[upstream] == Passed && g.Results[ours] != Passed {
			errs = append(errs, fmt.Errorf("specs %q pass with upstream and not here: that is no baseline", g.Specs))
		}
		if len(g.Specs) == 0 {
			errs = append(errs, fmt.Errorf("group %v %s has no spec", g.Results, g.Why))
		}
	}
	return errs
}

// Expected maps all specs to their results on a runtime.
func (l List) Expected(runtime string) map[string]Result {
	out := map[string]Result{}
	for i, name := range l.Runtimes {
		if name != runtime {
			continue
		}
		for _, g := range l.Groups {
			for _, s := range g.Specs {
				out[s] = g.Results[i]
			}
		}
	}
	return out
}

// Differences says, sorted, what a run on a runtime came to that is not in the
// list. A spec that was not run is one that was excluded.
func (l List) Differences(runtime string, got map[string]Result) map[string]string {
	want, out := l.Expected(runtime), map[string]string{}
	for _, s := range slices.Sorted(maps.Keys(got)) {
		switch w, ok := want[s]; {
		case !ok:
			out[s] = fmt.Sprintf("%s, and is not in the list", got[s])
		case w != got[s]:
			out[s] = fmt.Sprintf("%s, the list says %s", got[s], w)
		}
	}
	for s, w := range want {
		if _, ok := got[s]; !ok {
			out[s] = fmt.Sprintf("there is no such spec, the list says %s", w)
		}
	}
	return out
}

// Where returns the specs of the groups for which where begins with a word.
func (l List) Where(word string) (specs []string) {
	for _, g := range l.Groups {
		if g.Where == word || strings.HasPrefix(g.Where, word+" ") {
			specs = append(specs, g.Specs...)
		}
	}
	return specs
}
