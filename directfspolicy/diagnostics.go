package directfspolicy

import "fmt"

// diagnostics are the remarks on a plan's decisions.
func diagnostics(p Plan) []string {
	out := []string{}
	for _, h := range p.Unmatched {
		out = append(out, unmatched(h))
	}
	for _, h := range p.UnmatchedCache {
		out = append(out, unmatched(h))
	}
	for _, d := range p.Decisions {
		if d.promisedExclusive() {
			out = append(out, exclusive(d))
		}
	}
	return append(out, reachable(p.Decisions)...)
}

func exclusive(d Decision) string {
	s := fmt.Sprintf("mount %q has an exclusive cache: the container sees late or never what anybody else writes there", d.Mount)
	if d.writes() {
		s += ", and can overwrite it"
	}
	return s
}

func unmatched[S setting](h HintOf[S]) string {
	return fmt.Sprintf("hint %s matches no mount of this container", h)
}

// reachable remarks on mounts that a user turned off although the sandbox gets
// the same files through a directfs mount.
func reachable(ds []Decision) []string {
	var donated *sourceIndex
	var out []string
	for _, d := range ds {
		if d.Reason != BecauseHintOff || d.Source == "" {
			continue
		}
		if donated == nil {
			donated = indexSources(ds, func(d Decision) bool { return d.Access == DirectFS })
		}
		if o, ok := donated.around(d.Source, d.Mount); ok {
			out = append(out, fmt.Sprintf("mount %q is off, but its files (%s) are in mount %q (%s) too, which uses directfs", d.Mount, d.Source, o.Mount, o.Source))
		}
	}
	return out
}
