package directfspolicy

import "fmt"

// The kinds of warnings.
const (
	warnUnmatched = "unmatched"
	warnExclusive = "exclusive"
	warnReachable = "reachable"
)

// Warning is something to know about a Plan that changes nothing.
type Warning struct {
	// Kind is "unmatched" where Hint matches no mount of this container,
	// "exclusive" where Mount has an exclusive cache by Hint, or "reachable"
	// where Mount was turned off by Hint, and files of it are in OtherMount too,
	// which uses directfs.
	Kind string `json:"kind"`
	Hint Hint   `json:"hint"`

	// Mount is the destination of the mount that the warning is about, and
	// Writes says whether what is written to it reaches the host.
	Mount  string `json:"mount,omitempty"`
	Writes bool   `json:"writes,omitempty"`

	// OtherMount, at OtherSource on the host, is of a mount that is reachable.
	OtherMount  string `json:"otherMount,omitempty"`
	OtherSource Source `json:"otherSource,omitzero"`
}

// String says it in a sentence.
func (w Warning) String() string {
	switch w.Kind {
	case warnUnmatched:
		return fmt.Sprintf("hint %v matches no mount of this container", w.Hint)
	case warnExclusive:
		s := fmt.Sprintf("mount %q has an exclusive cache: the container sees late or never what anybody else writes there", w.Mount)
		if w.Writes {
			s += ", and can overwrite it"
		}
		return s
	case warnReachable:
		return fmt.Sprintf("mount %q is off, but files of it are in mount %q (%v) too, which uses directfs", w.Mount, w.OtherMount, w.OtherSource)
	}
	return w.Kind
}

// Warnings lists what to know about the plan.
func (p Plan) Warnings() []Warning {
	var out []Warning
	for _, h := range p.unmatched {
		out = append(out, Warning{Kind: warnUnmatched, Hint: h})
	}
	for _, d := range p.decisions {
		if h, ok := d.WhyCache.Hint(); ok && d.promisedExclusive() {
			out = append(out, Warning{Kind: warnExclusive, Hint: h, Mount: d.Mount, Writes: d.writes()})
		}
	}
	var donated *sourceIndex
	for _, d := range p.decisions {
		h, _ := d.WhyAccess.Hint()
		if h.Setting != Off || len(d.Sources) == 0 {
			continue
		}
		if donated == nil {
			donated = indexSources(p.decisions, func(d Decision, _ Source) bool { return d.donated() })
		}
		if o, ok := donated.overlapping(d, d.Mount); ok {
			out = append(out, Warning{Kind: warnReachable, Hint: h, Mount: d.Mount, Writes: d.writes(), OtherMount: o.d.Mount, OtherSource: o.source})
		}
	}
	return out
}
