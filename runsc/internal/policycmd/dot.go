package policycmd

import (
	"fmt"
	"slices"
	"strings"

	"github.com/directfs/runsc/directfspolicy"
)

// drawDot draws the plan for graphviz: the mounts, the two processes that
// serve them, and what these hold.
func drawDot(p directfspolicy.Plan) string {
	var b strings.Builder
	b.WriteString(`digraph plan {
  rankdir=LR
  node [fontname="sans-serif" fontsize=11]
  edge [fontname="sans-serif" fontsize=9]
  subgraph cluster_mounts {
    label="mounts" fontname="sans-serif" color=gray
    node [shape=box]
`)
	for i, d := range p.Decisions() {
		lines := []string{d.Mount, d.Access.String() + writesWord(d)}
		if d.ServedByVolume() {
			lines = append(lines, "volume "+d.Gofer.String())
		}
		if d.Union != nil {
			lines = append(lines, d.Union.Driver.String()+"'s overlay")
		}
		fmt.Fprintf(&b, "    m%d [label=%s]\n", i, label(lines...))
	}
	writeLayers(&b, p.Decisions())
	b.WriteString("  }\n  node [shape=ellipse style=bold]\n  sandbox\n  gofer\n")
	for i, d := range p.Decisions() {
		writeMountEdges(&b, fmt.Sprintf("m%d", i), d)
	}
	if slices.ContainsFunc(p.Decisions(), func(d directfspolicy.Decision) bool { return d.Access == directfspolicy.LisaFS }) {
		b.WriteString("  gofer -> sandbox [label=\"LisaFS RPC\" dir=both]\n")
	}
	b.WriteString("  node [shape=note style=solid]\n")
	for i, v := range privileges(p) {
		head := v.kind + ": " + strings.Join(v.names, "\n")
		fmt.Fprintf(&b, "  p%d [label=%s]\n", i, label(head, "for "+strings.Join(v.causes, ", ")))
		fmt.Fprintf(&b, "  %s -> p%d [label=\"holds\" style=dotted]\n", v.process, i)
	}
	b.WriteString("}\n")
	return b.String()
}

// writeLayers draws what overlays are made of: directories of the host, or mounts of
// which the sentry makes one.
func writeLayers(b *strings.Builder, all []directfspolicy.Decision) {
	for i, d := range all {
		for j, s := range d.Sources {
			if s.Layer != directfspolicy.NoLayer {
				fmt.Fprintf(b, "    l%d_%d [label=%s shape=folder]\n    l%d_%d -> m%d [label=%s style=dashed]\n", i, j, label(s.String()), i, j, i, label(s.Layer.String()))
			}
		}
		if d.Layer == nil {
			continue
		}
		if of := slices.IndexFunc(all, func(o directfspolicy.Decision) bool { return o.Union != nil && o.Mount == d.Layer.Of }); of >= 0 {
			fmt.Fprintf(b, "    m%d -> m%d [label=%s style=dashed]\n", i, of, label(d.Layer.Kind.String()))
		}
	}
}

func writesWord(d directfspolicy.Decision) string {
	switch {
	case d.Access == directfspolicy.NoAccess:
		return ""
	case d.ReadOnly:
		return ", reads"
	}
	return ", writes"
}

// writeMountEdges draws who opens the mount's files. Every mount that the
// gofer donates is served by it as well, for what directfs leaves to it.
func writeMountEdges(b *strings.Builder, node string, d directfspolicy.Decision) {
	switch d.Access {
	case directfspolicy.DirectFS:
		fmt.Fprintf(b, "  %s -> sandbox [label=\"root FD donated\" style=bold]\n", node)
	case directfspolicy.LisaFS:
		fmt.Fprintf(b, "  %s -> gofer [label=\"opened by the gofer\"]\n", node)
	default:
		fmt.Fprintf(b, "  %s -> sandbox [label=\"in the sandbox\" style=dashed]\n", node)
	}
}

// label quotes lines of text for graphviz, in which a backslash would start an
// escape of its own, such as \N for the node's name.
func label(lines ...string) string {
	s := strings.Join(lines, "\n")
	s = strings.ReplaceAll(s, `\`, `\\`)
	s = strings.ReplaceAll(s, `"`, `\"`)
	return `"` + strings.ReplaceAll(s, "\n", `\n`) + `"`
}
