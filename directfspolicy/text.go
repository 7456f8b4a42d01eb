package directfspolicy

import (
	"fmt"
	"strings"
)

// String draws the Plan as a table of mounts and a line for each process.
func (p Plan) String() string {
	rows := [][]string{DecisionHeader()}
	for _, d := range p.Decisions {
		rows = append(rows, d.Cells())
	}
	var b strings.Builder
	writeTable(&b, rows)
	fmt.Fprintf(&b, "\nsandbox  %s\n", p.Sandbox)
	fmt.Fprintf(&b, "sentry   seccomp %s\n", joinSets(p.Sentry))
	fmt.Fprintf(&b, "gofer    seccomp %s\n", joinSets(p.Gofer))
	for _, d := range p.Diagnostics {
		fmt.Fprintf(&b, "note     %s\n", d)
	}
	return b.String()
}

// DecisionHeader names the columns of [Decision.Cells].
func DecisionHeader() []string {
	return []string{"MOUNT", "ACCESS", "WRITES", "DONATED", "CACHE", "WHY"}
}

// Cells returns the decision as a row of a table for people.
func (d Decision) Cells() []string {
	if d.Access == NoAccess {
		return []string{d.Mount, d.Access.String(), "-", "-", "-", d.Why()}
	}
	why := d.Why()
	if d.CacheReason == CacheByHint {
		why += "; " + d.WhyCache()
	}
	return []string{d.Mount, d.Access.String(), yesNo(!d.ReadOnly), yesNo(d.Donated), d.Cache.String(), why}
}

func yesNo(b bool) string {
	if b {
		return "yes"
	}
	return "no"
}

// String says in one line what the sandbox holds and why.
func (s Sandbox) String() string {
	ns := fmt.Sprintf("%s user namespace", s.UserNamespace)
	if !s.Raised {
		return "not raised: no capabilities for files, umask as it was, " + ns
	}
	return fmt.Sprintf("raised for %s: %s, umask 0, %s",
		strings.Join(s.RaisedFor, ", "), strings.Join(s.Capabilities, " "), ns)
}

func joinSets(names []SetName) string {
	s := make([]string, len(names))
	for i, n := range names {
		s[i] = string(n)
	}
	return strings.Join(s, " + ")
}

// writeTable pads every column but the last to its widest cell.
func writeTable(b *strings.Builder, rows [][]string) {
	width := make([]int, len(rows[0]))
	for _, r := range rows {
		for i, c := range r {
			width[i] = max(width[i], len(c))
		}
	}
	for _, r := range rows {
		last := len(r) - 1
		for i, c := range r[:last] {
			fmt.Fprintf(b, "%-*s  ", width[i], c)
		}
		b.WriteString(r[last] + "\n")
	}
}
