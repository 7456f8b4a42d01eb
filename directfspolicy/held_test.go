package directfspolicy

import (
	"maps"
	"slices"
)

// held is everything that the sandbox process holds because of a plan.
type held map[string]bool

func heldBy(p Plan) held {
	h := held{}
	for _, c := range p.Sandbox().Capabilities {
		h[c] = true
	}
	for _, c := range callsOf(p.Sentry()...).Names() {
		h["call "+c] = true
	}
	for _, m := range p.Donations() {
		h["FD of "+m] = true
	}
	h["raised"] = p.Sandbox().Raised
	h["writes the host"] = p.Sandbox().WritesHost
	h["umask 0"] = p.Sandbox().UmaskZero
	h["the spec's user namespace"] = p.Sandbox().SpecUserNamespace
	maps.DeleteFunc(h, func(_ string, has bool) bool { return !has })
	return h
}

// beyond lists what h has and o has not.
func (h held) beyond(o held) []string {
	var out []string
	for k := range h {
		if !o[k] {
			out = append(out, k)
		}
	}
	slices.Sort(out)
	return out
}

// addedSets lists the sets of a that are not in b.
func addedSets(a, b []SetName) []SetName {
	return slices.DeleteFunc(slices.Clone(a), func(n SetName) bool { return slices.Contains(b, n) })
}
