package directfspolicy

import (
	"fmt"
	"slices"
)

// The kinds of causes.
const (
	causeMount       = "mount"
	causeJoiningHint = "joining-hint"
	causeJoiningFlag = "joining-flag"
	causeHostNetwork = "host-network"
	causeHostDevices = "host-devices"
)

// Cause is one thing that asks for a privilege.
type Cause struct {
	// Kind is "mount" for a mount of the container; "joining-hint" for a hint
	// that every container of the pod has, so that one that joins may bring it
	// to life; "joining-flag" for --directfs=true and containers that may join;
	// "host-network"; or "host-devices" for devices that are served by RPC.
	Kind string `json:"kind"`

	// Mount is the destination, of a mount.
	Mount string `json:"mount,omitempty"`

	// Hint is that of a joining hint.
	Hint Hint `json:"hint,omitzero"`

	// Writes says whether writes may reach the host for its sake. Of a mount
	// that a joining container may bring, nothing is known but that it may be
	// written.
	Writes bool `json:"writes"`
}

// String names the cause for people.
func (c Cause) String() string {
	switch c.Kind {
	case causeMount:
		return c.Mount
	case causeJoiningHint:
		return fmt.Sprintf("containers that may join (%v)", c.Hint)
	case causeJoiningFlag:
		return "containers that may join (--directfs=true)"
	case causeHostNetwork:
		return "host network"
	case causeHostDevices:
		return "host devices"
	}
	return c.Kind
}

// served are the mounts with the access, as causes.
func (p Plan) served(a Access) []Cause {
	return p.causes(func(d Decision) bool { return d.Access == a })
}

// servedByFiles are the LisaFS mounts that the file server of this container's
// gofer answers for, or an extension in its place, as causes.
func (p Plan) servedByFiles() []Cause {
	return p.causes(func(d Decision) bool { return d.Access == LisaFS && !d.ServedByVolume() })
}

// servedByBackends are the LisaFS mounts that backends answer for in this
// container's gofer, as causes.
func (p Plan) servedByBackends() []Cause {
	return p.causes(func(d Decision) bool { return d.Access == LisaFS && d.ServedByVolume() && !d.Outside })
}

func (p Plan) causes(counts func(Decision) bool) []Cause {
	var all []Cause
	for _, d := range p.decisions {
		if counts(d) {
			all = append(all, Cause{Kind: causeMount, Mount: d.Mount, Writes: !d.ReadOnly})
		}
	}
	return all
}

// raisedFor is everything for which the sandbox is raised: its own mounts and,
// in a pod, what may join it. A hint that the whole pod has counts whether or
// not the first container has its mount.
func (p Plan) raisedFor() []Cause {
	all := p.served(DirectFS)
	if p.container.Scope != PodSandbox {
		return all
	}
	if p.container.Flag {
		all = append(all, Cause{Kind: causeJoiningFlag, Writes: true})
	}
	seen := map[string]bool{}
	join := func(h Hint) {
		if h.Setting == On && !seen[h.Key] {
			seen[h.Key] = true
			all = append(all, Cause{Kind: causeJoiningHint, Hint: h, Writes: true})
		}
	}
	for _, d := range p.decisions {
		if h, ok := d.WhyAccess.Hint(); ok && h.PodWide {
			join(h)
		}
	}
	for _, h := range p.unmatched {
		join(h)
	}
	return all
}

// writing are the causes for which writes may reach the host.
func writing(causes []Cause) []Cause {
	return slices.DeleteFunc(slices.Clone(causes), func(c Cause) bool { return !c.Writes })
}
