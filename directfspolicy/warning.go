package directfspolicy

import "fmt"

// WarningKind says what a Warning is about.
type WarningKind string

const (
	// WarnUnmatched: Hint matches no mount of this container.
	WarnUnmatched WarningKind = "unmatched"

	// WarnExclusive: Mount has an exclusive cache, by Hint.
	WarnExclusive WarningKind = "exclusive"

	// WarnReachable: Mount was turned off by Hint, and files of it are in
	// OtherMount too, which uses directfs.
	WarnReachable WarningKind = "reachable"
)

// Warning is something to know about a Plan that changes nothing.
type Warning struct {
	Kind WarningKind `json:"kind"`
	Hint Hint        `json:"hint"`

	// Mount is the destination of the mount that the warning is about, and
	// Writes says whether what is written to it reaches the host.
	Mount  string `json:"mount,omitempty"`
	Writes bool   `json:"writes,omitempty"`

	// OtherMount, at OtherSource on the host, is of WarnReachable.
	OtherMount  string `json:"otherMount,omitempty"`
	OtherSource Source `json:"otherSource,omitzero"`
}

// String says it in a sentence.
func (w Warning) String() string {
	switch w.Kind {
	case WarnUnmatched:
		return fmt.Sprintf("hint %v matches no mount of this container", w.Hint)
	case WarnExclusive:
		s := fmt.Sprintf("mount %q has an exclusive cache: the container sees late or never what anybody else writes there", w.Mount)
		if w.Writes {
			s += ", and can overwrite it"
		}
		return s
	case WarnReachable:
		return fmt.Sprintf("mount %q is off, but files of it are in mount %q (%v) too, which uses directfs", w.Mount, w.OtherMount, w.OtherSource)
	}
	return string(w.Kind)
}

// Warnings lists what to know about the plan.
func (p Plan) Warnings() []Warning {
	var out []Warning
	for _, h := range p.unmatched {
		out = append(out, Warning{Kind: WarnUnmatched, Hint: h})
	}
	for _, d := range p.decisions {
		if h, ok := d.WhyCache.Hint(); ok && d.promisedExclusive() {
			out = append(out, Warning{Kind: WarnExclusive, Hint: h, Mount: d.Mount, Writes: d.writes()})
		}
	}
	var donated *sourceIndex
	for _, d := range p.decisions {
		h, _ := d.WhyAccess.Hint()
		if h.Setting != Off || len(d.Sources) == 0 {
			continue
		}
		if donated == nil {
			donated = indexSources(p.decisions, Decision.Donated)
		}
		if o, ok := donated.overlapping(d, d.Mount); ok {
			out = append(out, Warning{Kind: WarnReachable, Hint: h, Mount: d.Mount, Writes: d.writes(), OtherMount: o.d.Mount, OtherSource: o.source})
		}
	}
	return out
}
