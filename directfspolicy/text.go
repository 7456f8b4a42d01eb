package directfspolicy

import (
	"fmt"
	"slices"
	"strings"
)

// String draws the Plan as a table of mounts and a line for each process.
func (p Plan) String() string {
	var b strings.Builder
	writeTable(&b, p.Table())
	fmt.Fprintf(&b, "\nsandbox  %s\n", p.Sandbox())
	fmt.Fprintf(&b, "sentry   seccomp %s\n", joinSets(p.Sentry()))
	fmt.Fprintf(&b, "gofer    seccomp %s\n", joinSets(p.Gofer()))
	for _, o := range p.Overlays() {
		fmt.Fprintf(&b, "overlay  %s\n", o)
	}
	for _, w := range p.Warnings() {
		fmt.Fprintf(&b, "warning  %v\n", w)
	}
	return b.String()
}

// Table is the decisions for people: a row for each mount, below a row of
// column names. There is a column for gofers if a hint names one.
func (p Plan) Table() [][]string {
	rows := [][]string{{"MOUNT", "ACCESS", "WRITES", "DONATED", "CACHE", "WHY"}}
	for _, d := range p.decisions {
		rows = append(rows, d.cells())
	}
	if slices.ContainsFunc(p.decisions, Decision.ServedByVolume) {
		last := len(rows[0]) - 1
		rows[0] = slices.Insert(rows[0], last, "GOFER")
		for i, d := range p.decisions {
			name := "-"
			if d.ServedByVolume() {
				name = d.Gofer.String()
			}
			rows[1+i] = slices.Insert(rows[1+i], last, name)
		}
	}
	return rows
}

func (d Decision) cells() []string {
	why := d.WhyAccess.String()
	if d.Access == NoAccess {
		return []string{d.Mount, d.Access.String(), "-", "-", "-", why}
	}
	if _, hinted := d.WhyCache.Hint(); hinted {
		why += "; " + d.WhyCache.String()
	}
	if _, hinted := d.WhyGofer.Hint(); hinted {
		why += "; " + d.WhyGofer.String()
	}
	return []string{d.Mount, d.Access.String(), yesNo(!d.ReadOnly), yesNo(d.donated()), d.Cache.String(), why}
}

func yesNo(b bool) string {
	if b {
		return "yes"
	}
	return "no"
}

// String says in one line what the sandbox holds and why.
func (s Sandbox) String() string {
	ns := newNamespace
	if s.SpecUserNamespace {
		ns = specNamespace
	}
	ns += " user namespace"
	if !s.Raised {
		return "not raised: no capabilities for files, umask unchanged, " + ns
	}
	causes := make([]string, len(s.RaisedFor))
	for i, c := range s.RaisedFor {
		causes[i] = c.String()
	}
	return fmt.Sprintf("raised for %s: %s, umask 0, %s",
		strings.Join(causes, ", "), strings.Join(s.Capabilities, " "), ns)
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
