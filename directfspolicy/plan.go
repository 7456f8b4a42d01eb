package directfspolicy

import "slices"

// Decision is what the policy decided for one mount.
//
// Invariants: Reason.Access() == Access; Donated, and the option "directfs" in
// Options, hold exactly where Access is DirectFS.
type Decision struct {
	// Mount is the destination; "/" is the rootfs.
	Mount string `json:"mount"`

	// Access says who performs the host file system calls.
	Access Access `json:"access"`

	// Reason says why. Detail adds the key of the hint, or the backend.
	Reason Reason `json:"reason"`
	Detail string `json:"detail,omitempty"`

	// Cache is the cache mode.
	Cache Cache `json:"cache"`

	// CacheReason says why. CacheDetail adds the key of the hint.
	CacheReason CacheReason `json:"cacheReason"`
	CacheDetail string      `json:"cacheDetail,omitempty"`

	// Source is where the mount's files are, as in the Request.
	Source string `json:"source,omitempty"`

	// ReadOnly says that no write to this mount reaches the host.
	ReadOnly bool `json:"readOnly"`

	// Donated says whether the gofer hands the mount's root FD to the sandbox.
	Donated bool `json:"donated"`

	// Options are the mount's policy options: "directfs" where that is the
	// access, and "cache=shared" or "cache=exclusive". Nothing that a user
	// wrote gets in here.
	Options []string `json:"options"`
}

func decision(m Mount, why Reason, detail string) Decision {
	return Decision{Mount: m.Destination, Access: why.Access(), Reason: why, Detail: detail, Source: m.Source, ReadOnly: m.ReadOnly}
}

func (d *Decision) derive() {
	d.Donated = d.Access == DirectFS
	d.Options = []string{}
	switch d.Access {
	case DirectFS:
		d.Options = []string{"directfs", d.Cache.option()}
	case LisaFS:
		d.Options = []string{d.Cache.option()}
	}
}

// Why returns the reason in words, with its detail.
func (d Decision) Why() string {
	switch d.Reason {
	case BecauseFlagOff:
		return "--directfs=false"
	case BecauseFlagOn:
		return "--directfs=true"
	case BecauseHintOff:
		return "hint " + d.Detail + "=off"
	case BecauseHintOn:
		return "hint " + d.Detail + "=on"
	case BecauseCannotDonate:
		return d.Detail + " cannot donate a root FD"
	case BecauseNotGofer:
		return "not a gofer mount"
	}
	return d.Reason.String()
}

// Plan is the outcome for one container: the decisions, and all that follows
// from them. After Resolve it is the only truth; nothing else may look at the
// flag or at a hint again.
//
// The fields from Sandbox on are derived from those before. The zero Plan
// grants nothing.
type Plan struct {
	// Flag, Scope and HostNetwork are copied from the Request.
	Flag        bool  `json:"flag"`
	Scope       Scope `json:"scope"`
	HostNetwork bool  `json:"hostNetwork"`

	// Decisions holds the rootfs first, then the mounts in the order of the
	// Request.
	Decisions []Decision `json:"decisions"`

	// Unmatched and UnmatchedCache are the hints of a pod that matched no
	// mount of this container, without those that ask for nothing.
	Unmatched      []Hint      `json:"unmatched"`
	UnmatchedCache []CacheHint `json:"unmatchedCache"`

	// Sandbox is what this container needs of its sandbox or, for the first
	// container of a sandbox, what the sandbox gets.
	Sandbox Sandbox `json:"sandbox"`

	// Sentry and Gofer name the sets of system calls that the seccomp filters
	// of the sandbox process and of this container's gofer allow; see
	// [Calls].
	Sentry []SetName `json:"sentry"`
	Gofer  []SetName `json:"gofer"`

	// Donations lists the destinations whose root FD the gofer donates, in
	// the order of Decisions.
	Donations []string `json:"donations"`

	// Diagnostics are remarks for people that change nothing.
	Diagnostics []string `json:"diagnostics"`
}

// Decision returns the decision for the mount at the destination, and whether
// there is one that a gofer serves.
func (p Plan) Decision(mount string) (Decision, bool) {
	for _, d := range p.Decisions {
		if d.Mount == mount && d.Access != NoAccess {
			return d, true
		}
	}
	return Decision{}, false
}

// Uses reports whether any mount has the access.
func (p Plan) Uses(a Access) bool {
	return slices.ContainsFunc(p.Decisions, func(d Decision) bool { return d.Access == a })
}

// writes reports whether any mount with the access lets writes through to the
// host.
func (p Plan) writes(a Access) bool {
	return slices.ContainsFunc(p.Decisions, func(d Decision) bool { return d.Access == a && !d.ReadOnly })
}

// derive fills in everything that follows from the decisions.
func (p *Plan) derive() {
	p.Donations = []string{}
	for _, d := range p.Decisions {
		if d.Donated {
			p.Donations = append(p.Donations, d.Mount)
		}
	}
	p.Diagnostics = diagnostics(*p)
	p.Sandbox = sandboxFor(*p)
	p.Sentry = []SetName{SentryBase}
	switch {
	case p.Sandbox.WritesHost:
		p.Sentry = append(p.Sentry, SentryHostFilesystem)
	case p.Sandbox.Raised:
		p.Sentry = append(p.Sentry, SentryHostFilesystemRead)
	}
	p.Gofer = []SetName{GoferBase}
	switch {
	case p.writes(DirectFS):
		p.Gofer = append(p.Gofer, GoferDirectFSFallback)
	case p.Uses(DirectFS):
		p.Gofer = append(p.Gofer, GoferDirectFSFallbackRead)
	}
	switch {
	case p.writes(LisaFS):
		p.Gofer = append(p.Gofer, GoferLisaFS)
	case p.Uses(LisaFS):
		p.Gofer = append(p.Gofer, GoferLisaFSRead)
	}
}
