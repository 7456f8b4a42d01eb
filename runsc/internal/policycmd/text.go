package policycmd

import (
	"fmt"
	"strings"
	"text/tabwriter"

	"github.com/directfs/runsc/directfspolicy"
	"github.com/directfs/runsc/runsc/internal/plain"
)

// writePlan writes the plan for people.
func writePlan(b *strings.Builder, o outcome) {
	p, c := o.plan, o.plan.Container()
	fmt.Fprintf(b, "%s container, --directfs=%t, --directfs-hints=%v\n\n", c.Scope, c.Flag, c.Ceiling)
	writeTable(b, p.Table())
	b.WriteByte('\n')
	overlays := p.Overlays()
	for _, o := range overlays {
		fmt.Fprintf(b, "overlay  %s\n", plain.Text(o))
	}
	if len(overlays) > 0 {
		b.WriteByte('\n')
	}
	rows := [][]string{{"PROCESS", "KIND", "HOLDS", "FOR"}}
	for _, v := range privileges(p) {
		process := v.process
		if process == "sandbox" && c.Scope == directfspolicy.PodMember {
			process = "needs of its sandbox"
		}
		rows = append(rows, []string{process, v.kind, strings.Join(v.names, " "), strings.Join(v.causes, ", ")})
	}
	writeTable(b, rows)
	if o.pod != nil {
		fmt.Fprintf(b, "\npod's sandbox  %s\n               the container fits in it\n", plain.Text(o.pod.Sandbox().String()))
	}
	for i, d := range p.Warnings() {
		if i == 0 {
			b.WriteByte('\n')
		}
		fmt.Fprintf(b, "warning: %s\n", plain.Text(d.String()))
	}
}

func yesNo(b bool) string {
	if b {
		return "yes"
	}
	return "no"
}

// writeTable aligns the columns. Who wrote the spec chose what is in the cells.
func writeTable(b *strings.Builder, rows [][]string) {
	w := tabwriter.NewWriter(b, 0, 0, 2, ' ', 0)
	for _, r := range rows {
		cells := make([]string, len(r))
		for i, c := range r {
			cells[i] = plain.Text(c)
		}
		// A strings.Builder takes every write.
		_, _ = fmt.Fprintln(w, strings.Join(cells, "\t"))
	}
	_ = w.Flush()
}

// writeCalls lists the calls of the sets, a set at a time.
func writeCalls(b *strings.Builder, process string, sets []directfspolicy.SetName) {
	var before []directfspolicy.SetName
	for _, s := range sets {
		calls := minus(directfspolicy.Calls(s), directfspolicy.Calls(before...))
		also := ""
		if len(before) > 0 {
			also = " more"
		}
		fmt.Fprintf(b, "\n%s, %s: %d%s calls\n", process, s, len(calls), also)
		writeWrapped(b, calls)
		before = append(before, s)
	}
}

// writeWrapped writes the words in lines of at most 80 columns.
func writeWrapped(b *strings.Builder, words []string) {
	const width = 80
	column := 0
	for _, w := range words {
		if column > 0 && column+1+len(w) > width {
			b.WriteByte('\n')
			column = 0
		}
		if column == 0 {
			b.WriteByte(' ')
			column = 1
		}
		b.WriteString(" " + w)
		column += 1 + len(w)
	}
	if column > 0 {
		b.WriteByte('\n')
	}
}
