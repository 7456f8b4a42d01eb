package directfspolicy

import "fmt"

// Mount is what is known of one mount before the decision.
type Mount struct {
	// Destination is the mount's identity: its absolute, cleaned path in the
	// container, in UTF-8.
	Destination string

	// Hints is everything that users said about this mount, from annotations
	// and mount options alike. They must agree.
	Hints []Hint

	// Backend serves the mount.
	Backend Backend

	// BackendName names a custom backend in reasons and errors.
	BackendName string

	// Cache is the mount's cache mode where no hint asks for one.
	Cache Cache

	// CacheHints is everything that users said about the cache mode.
	CacheHints []CacheHint

	// Source says where the mount's files are, so that mounts of the same
	// files are found: a path of the host, cleaned and with symbolic links
	// resolved as far as the caller can tell, or a backend's own name for it.
	// Empty if nothing is known.
	Source string

	// Overlay is set where the runtime puts an overlay over the mount. An
	// overlay takes the files below it for immutable and does not look again.
	Overlay bool

	// ReadOnly is set where no write to this mount reaches the host: it is
	// mounted read-only, or an overlay above it takes the writes.
	ReadOnly bool
}

// Request is everything that the policy looks at for one container.
type Request struct {
	// Flag is the sandbox-wide --directfs.
	Flag bool

	// Scope says how the container relates to its sandbox.
	Scope Scope

	// HostNetwork is set where the sandbox uses the host's network stack. It
	// must then run in the user namespace that owns the network namespace,
	// raised or not.
	HostNetwork bool

	// Rootfs is the container's root file system. Its Destination is "/" or
	// empty.
	Rootfs Mount

	// Mounts are the container's other mounts, in any order.
	Mounts []Mount

	// Unmatched are hints that name no mount of this container. In a pod they
	// may be meant for another one; in a standalone container they are errors.
	Unmatched []Hint

	// UnmatchedCache are the same for cache modes.
	UnmatchedCache []CacheHint
}

// Reason says why a mount got its access. The reason alone implies the access;
// see [Reason.Access].
type Reason uint8

const (
	// BecauseFlagOff: --directfs=false and no hint.
	BecauseFlagOff Reason = iota

	// BecauseFlagOn: --directfs=true and no hint.
	BecauseFlagOn

	// BecauseHintOff: a hint asks for LisaFS.
	BecauseHintOff

	// BecauseHintOn: a hint asks for directfs.
	BecauseHintOn

	// BecauseCannotDonate: --directfs=true, and the backend has no root FD.
	BecauseCannotDonate

	// BecauseNotGofer: no gofer serves the mount.
	BecauseNotGofer
)

var reasonNames = enum[Reason]{"reason", []string{"flag-off", "flag-on", "hint-off", "hint-on", "cannot-donate", "not-gofer"}}

// String returns "flag-off", "flag-on", "hint-off", "hint-on",
// "cannot-donate" or "not-gofer".
func (r Reason) String() string { return reasonNames.name(r) }

// MarshalText implements encoding.TextMarshaler.
func (r Reason) MarshalText() ([]byte, error) { return reasonNames.marshal(r) }

// UnmarshalText implements encoding.TextUnmarshaler.
func (r *Reason) UnmarshalText(b []byte) error { return reasonNames.unmarshal(b, r) }

// Access returns the access that the reason implies.
func (r Reason) Access() Access {
	switch r {
	case BecauseFlagOn, BecauseHintOn:
		return DirectFS
	case BecauseNotGofer:
		return NoAccess
	}
	return LisaFS
}

// detailed reports whether a decision with the reason has a Detail.
func (r Reason) detailed() bool {
	return r == BecauseHintOff || r == BecauseHintOn || r == BecauseCannotDonate
}

// possible reports whether the reason can be given under the flag.
func (r Reason) possible(flag bool) bool {
	switch r {
	case BecauseFlagOff:
		return !flag
	case BecauseFlagOn, BecauseCannotDonate:
		return flag
	}
	return true
}

// Resolve decides every mount of one container and what the decisions need.
// It is pure: equal requests give equal plans, and the order of the mounts
// changes nothing but the order of the Plan's lists.
//
// On error the Plan is zero, which grants nothing. Errors are *HintError, or
// wrap ErrInvalidRequest where the caller, not a user, is at fault. Resolve
// does not look at a running sandbox: see [Plan.Admit].
func Resolve(r Request) (Plan, error) {
	if !scopeNames.knows(r.Scope) {
		return Plan{}, fmt.Errorf("%w: %v", ErrInvalidRequest, r.Scope)
	}
	if r.Rootfs.Destination == "" {
		r.Rootfs.Destination = "/"
	}
	if r.Rootfs.Destination != "/" {
		return Plan{}, fmt.Errorf("%w: rootfs destination %q is not /", ErrInvalidRequest, r.Rootfs.Destination)
	}
	if err := checkUnmatched(r.Scope, r.Unmatched); err != nil {
		return Plan{}, err
	}
	if err := checkUnmatched(r.Scope, r.UnmatchedCache); err != nil {
		return Plan{}, err
	}
	p := Plan{
		Flag:           r.Flag,
		Scope:          r.Scope,
		HostNetwork:    r.HostNetwork,
		Decisions:      make([]Decision, 0, 1+len(r.Mounts)),
		Unmatched:      stated(r.Unmatched),
		UnmatchedCache: stated(r.UnmatchedCache),
	}
	root, err := decide(r.Flag, r.Rootfs)
	if err != nil {
		return Plan{}, err
	}
	p.Decisions = append(p.Decisions, root)
	for _, m := range r.Mounts {
		if err := checkDestination(m.Destination); err != nil {
			return Plan{}, err
		}
		d, err := decide(r.Flag, m)
		if err != nil {
			return Plan{}, err
		}
		p.Decisions = append(p.Decisions, d)
	}
	if err := checkTogether(p.Decisions); err != nil {
		return Plan{}, err
	}
	p.derive()
	return p, nil
}

// decide is the whole rule for one mount. It looks at the mount's own hints,
// its own backend and the flag, and at nothing else.
func decide(flag bool, m Mount) (Decision, error) {
	if !m.Backend.known() || !cacheNames.knows(m.Cache) || !isText(m.Source) {
		return Decision{}, fmt.Errorf("%w: mount %q: %v, %v, source %q", ErrInvalidRequest, m.Destination, m.Backend, m.Cache, m.Source)
	}
	d, err := decideAccess(flag, m)
	if err != nil {
		return Decision{}, err
	}
	if err := decideCache(m, &d); err != nil {
		return Decision{}, err
	}
	d.derive()
	return d, nil
}

// decideAccess is the table in the package comment.
func decideAccess(flag bool, m Mount) (Decision, error) {
	h, err := combine(m.Destination, m.Hints)
	if err != nil {
		return Decision{}, err
	}
	refuse := func(why error, fix string) (Decision, error) {
		return Decision{}, &HintError{Key: h.Key, Value: h.Setting.String(), Mount: m.Destination, Allowed: []string{"off", "false", "default"}, Fix: fix, Err: why}
	}
	switch {
	case !m.Backend.Served() && h.Setting == On:
		return refuse(ErrNotGoferMount, "remove the hint: the mount lives in the sandbox and has no host directory")
	case !m.Backend.Served():
		return decision(m, BecauseNotGofer, ""), nil
	case h.Setting == Off:
		return decision(m, BecauseHintOff, h.Key), nil
	case h.Setting == On && !m.Backend.CanDonate():
		return refuse(ErrCannotDonate, fmt.Sprintf("remove the hint: %s serves this mount over LisaFS only", m.backendName()))
	case h.Setting == On:
		return decision(m, BecauseHintOn, h.Key), nil
	case !flag:
		return decision(m, BecauseFlagOff, ""), nil
	case !m.Backend.CanDonate():
		return decision(m, BecauseCannotDonate, m.backendName()), nil
	}
	return decision(m, BecauseFlagOn, ""), nil
}

func (m Mount) backendName() string {
	if m.BackendName != "" {
		return fmt.Sprintf("backend %q", m.BackendName)
	}
	return m.Backend.String()
}
