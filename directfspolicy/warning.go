package directfspolicy

import "fmt"

// The kinds of warnings.
const (
	warnUnmatched = "unmatched"
	warnExclusive = "exclusive"
	warnReachable = "reachable"
	warnLayers    = "layers"
	warnOverlay   = "overlay"
	warnFallback  = "fallback"
)

// Warning is something to know about a Plan that changes nothing.
type Warning struct {
	// Kind is "unmatched" where Hint matches no mount of this container,
	// "exclusive" where Mount has an exclusive cache by Hint, or "reachable"
	// where Mount was turned off by Hint, and files of it are in OtherMount too,
	// which uses directfs. The others are about overlays and have no Hint: "layers"
	// where OtherMount writes files of a layer of Mount, "overlay" where Detail was
	// found about its options or layers, and "fallback" where the sentry makes it,
	// because of Detail.
	Kind string `json:"kind"`
	Hint Hint   `json:"hint,omitzero"`

	// Mount is the destination of the mount that the warning is about, and
	// Writes says whether what is written to it reaches the host.
	Mount  string `json:"mount,omitempty"`
	Writes bool   `json:"writes,omitempty"`

	// OtherMount, at OtherSource on the host, is a mount that is reachable, or that
	// writes to a layer.
	OtherMount  string `json:"otherMount,omitempty"`
	OtherSource Source `json:"otherSource,omitzero"`

	// Detail says more, for people.
	Detail string `json:"detail,omitempty"`
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
	case warnLayers:
		return fmt.Sprintf("mount %q is an overlay, and mount %q writes files of its layers (%v) too: it is undefined what the overlay then shows (overlayfs.rst)", w.Mount, w.OtherMount, w.OtherSource)
	case warnOverlay:
		return fmt.Sprintf("mount %q: %s", w.Mount, w.Detail)
	case warnFallback:
		return fmt.Sprintf("mount %q is the sentry's overlay, because the host's cannot mount its layers: %s", w.Mount, w.Detail)
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
	return append(out, p.overlayWarnings()...)
}

// overlayWarnings are those about overlays.
func (p Plan) overlayWarnings() (out []Warning) {
	var writers *sourceIndex
	for _, d := range p.decisions {
		if u := d.Union; u != nil {
			for _, w := range u.Warnings {
				out = append(out, Warning{Kind: warnOverlay, Mount: d.Mount, Detail: w})
			}
			if u.Chosen == ChosenAsFallback {
				out = append(out, Warning{Kind: warnFallback, Mount: d.Mount, Detail: u.HostFails})
			}
		}
		if !d.hasLayers() {
			continue
		}
		if writers == nil {
			writers = indexSources(p.decisions, Decision.writesTo)
		}
		if o, ok := writers.overlapping(d, d.Mount); ok {
			out = append(out, Warning{Kind: warnLayers, Mount: d.overlay(), OtherMount: o.d.overlay(), OtherSource: o.source})
		}
	}
	return out
}
