package baseline

import (
	"fmt"
	"slices"
	"strings"
)

// Markdown is the list as two tables: how many specs come to what on each runtime,
// without points, and why those that do not pass everywhere do not.
func (l List) Markdown() string {
	var b strings.Builder
	fmt.Fprintf(&b, "| | passed | failed | skipped | excluded |\n| --- | --- | --- | --- | --- |\n")
	for _, r := range l.Runtimes {
		n := map[Result]int{}
		for spec, result := range l.Expected(r) {
			if !isPoint(spec) {
				n[result]++
			}
		}
		fmt.Fprintf(&b, "| %s | %d | %d | %d | %d |\n", r, n[Passed], n[Failed], n[Skipped], n[Excluded])
	}
	fmt.Fprintf(&b, "\n| specs | %s | whose | why |\n| --- |%s --- | --- |\n", strings.Join(l.Runtimes, " | "), strings.Repeat(" --- |", len(l.Runtimes)))
	for _, g := range l.Groups {
		if g.all(Passed) {
			continue
		}
		fmt.Fprintf(&b, "| %s |", cell(strings.Join(g.Specs, "; ")))
		for _, r := range g.Results {
			fmt.Fprintf(&b, " %s |", r)
		}
		fmt.Fprintf(&b, " %s | %s |\n", cell(g.Where), cell(g.Why))
	}
	return b.String()
}

// isPoint reports whether a spec is part of another one, "program: point".
func isPoint(spec string) bool {
	program, _, ok := strings.Cut(spec, ": ")
	return ok && !strings.Contains(program, " ")
}

func cell(s string) string { return strings.ReplaceAll(s, "|", `\|`) }

// Replace puts the list's tables into a document, between the lines
// "<!-- NAME: begin -->" and "<!-- NAME: end -->".
func (l List) Replace(document, name string) (string, error) {
	lines := strings.SplitAfter(document, "\n")
	begin := slices.Index(lines, "<!-- "+name+": begin -->\n")
	end := slices.Index(lines, "<!-- "+name+": end -->\n")
	if begin < 0 || end < begin {
		return "", fmt.Errorf("no lines %q and %q, in this order", "<!-- "+name+": begin -->", "<!-- "+name+": end -->")
	}
	return strings.Join(lines[:begin+1], "") + l.Markdown() + strings.Join(lines[end:], ""), nil
}
