package directfspolicy

import (
	"fmt"
	"slices"
)

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
	d := Decision{Mount: m.Destination, Access: why.Access(), Reason: why, Detail: detail, Cache: m.Cache, ReadOnly: m.ReadOnly}
	d.derive()
	return d
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

// UserNamespace says in which user namespace the sandbox process runs
// (user_namespaces(7)).
type UserNamespace uint8

const (
	// NewUserNamespace is a fresh one with a single unprivileged user.
	NewUserNamespace UserNamespace = iota

	// SpecUserNamespace is the one the spec asks for, or else the runtime's own
	// or one with identity mappings into it.
	SpecUserNamespace
)

var userNamespaceNames = enum[UserNamespace]{"user namespace", []string{"new", "spec"}}

// String returns "new" or "spec".
func (u UserNamespace) String() string { return userNamespaceNames.name(u) }

// MarshalText implements encoding.TextMarshaler.
func (u UserNamespace) MarshalText() ([]byte, error) { return userNamespaceNames.marshal(u) }

// UnmarshalText implements encoding.TextUnmarshaler.
func (u *UserNamespace) UnmarshalText(b []byte) error { return userNamespaceNames.unmarshal(b, u) }

// Sandbox is what the sandbox process holds because of directfs. The zero
// value holds nothing.
type Sandbox struct {
	// Raised says whether the sandbox has what directfs needs. All other
	// fields but UserNamespace follow from it.
	Raised bool `json:"raised"`

	// RaisedFor names what raised it: destinations of mounts, hints that a
	// joining container may bring to life, or the flag.
	RaisedFor []string `json:"raisedFor"`

	// WritesHost says whether any mount that raised the sandbox, or may yet be
	// brought by a joining container, lets writes through to the host. Without
	// it the sandbox holds only what reading needs.
	WritesHost bool `json:"writesHost"`

	// Capabilities are the names, as in capabilities(7), of what the process
	// has for the sake of directfs.
	Capabilities []string `json:"capabilities"`

	// UserNamespace is the process's user namespace. In NewUserNamespace it
	// runs as an unprivileged user, in SpecUserNamespace as that namespace's
	// root.
	UserNamespace UserNamespace `json:"userNamespace"`

	// UmaskZero says whether the process runs with umask 0, so that modes
	// reach the host as the container set them. Otherwise its umask is left
	// as it was.
	UmaskZero bool `json:"umaskZero"`
}

// directfsCapabilities is what opening, creating and changing files of any
// owner takes (capabilities(7)); the engine's list is in
// runsc/cmd/sentry/sentrycmd/boot.go:60.
var directfsCapabilities = []string{
	"CAP_CHOWN",
	"CAP_DAC_OVERRIDE",
	"CAP_DAC_READ_SEARCH",
	"CAP_FOWNER",
	"CAP_FSETID",
}

// readingCapabilities is what opening files of any owner for reading takes.
var readingCapabilities = []string{"CAP_DAC_READ_SEARCH"}

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

	// Unmatched are the hints of a pod that matched no mount of this
	// container, without those that are Unset.
	Unmatched []Hint `json:"unmatched"`

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
	p.Diagnostics = []string{}
	for _, h := range p.Unmatched {
		p.Diagnostics = append(p.Diagnostics, fmt.Sprintf("hint %s matches no mount of this container", h))
	}
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

// sandboxFor raises the sandbox for its own mounts and for what may join it.
// Of a mount that a joining container may bring, nothing is known but that it
// may be written.
func sandboxFor(p Plan) Sandbox {
	s := Sandbox{RaisedFor: slices.Clone(p.Donations), WritesHost: p.writes(DirectFS), Capabilities: []string{}}
	if p.Scope == PodSandbox {
		own := len(s.RaisedFor)
		if p.Flag {
			s.RaisedFor = append(s.RaisedFor, "containers that may join (--directfs=true)")
		}
		for _, h := range p.Unmatched {
			if h.Setting == On {
				s.RaisedFor = append(s.RaisedFor, fmt.Sprintf("containers that may join (%s)", h))
			}
		}
		s.WritesHost = s.WritesHost || len(s.RaisedFor) > own
	}
	s.Raised = len(s.RaisedFor) > 0
	switch {
	case s.WritesHost:
		s.Capabilities = slices.Clone(directfsCapabilities)
	case s.Raised:
		s.Capabilities = slices.Clone(readingCapabilities)
	}
	s.UmaskZero = s.Raised
	if s.Raised || p.HostNetwork {
		s.UserNamespace = SpecUserNamespace
	}
	return s
}

// Admit reports whether the container that c plans for fits in the running
// sandbox whose first container p was planned for. A sandbox cannot be raised
// after it started, so a container that needs more than its sandbox has is
// refused with an *AdmitError that says what to add to the pod.
func (p Plan) Admit(c Plan) error {
	if p.Scope != PodSandbox || c.Scope != PodMember {
		return &AdmitError{
			Err: ErrNotAPod,
			Fix: fmt.Sprintf("only a %v container joins a sandbox, and only one of a %v: this is a %v and a %v", PodMember, PodSandbox, c.Scope, p.Scope),
		}
	}
	for _, d := range c.Decisions {
		switch {
		case d.Access != DirectFS || p.Sandbox.WritesHost:
		case !p.Sandbox.Raised:
			return &AdmitError{Mount: d.Mount, Cause: d.Why(), Err: ErrSandboxNotRaised, Fix: admitFix(d)}
		case !d.ReadOnly:
			return &AdmitError{Mount: d.Mount, Cause: d.Why(), Err: ErrSandboxReadOnly, Fix: admitFix(d)}
		}
	}
	return nil
}
