package directfspolicy

import (
	"slices"
	"strings"
)

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

// sandboxFor raises the sandbox for its own mounts and for what may join it.
// Of a mount that a joining container may bring, nothing is known but that it
// may be written.
func sandboxFor(p Plan) Sandbox {
	s := Sandbox{RaisedFor: slices.Clone(p.Donations), WritesHost: p.writes(DirectFS), Capabilities: []string{}}
	if p.Scope == PodSandbox {
		joining := p.joining()
		s.RaisedFor = append(s.RaisedFor, joining...)
		s.WritesHost = s.WritesHost || len(joining) > 0
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

// joining names what may bring directfs to a container that joins a pod: the
// flag, and every annotation that asks for it, because these are pod-wide. The
// first container may have the annotation's mount as well, or not.
func (p Plan) joining() []string {
	var out []string
	if p.Flag {
		out = append(out, "containers that may join (--directfs=true)")
	}
	seen := map[string]bool{}
	add := func(key string) {
		if !seen[key] {
			seen[key] = true
			out = append(out, "containers that may join ("+key+"=on)")
		}
	}
	for _, d := range p.Decisions {
		if d.Reason == BecauseHintOn && strings.HasPrefix(d.Detail, AnnotationPrefix) {
			add(d.Detail)
		}
	}
	for _, h := range p.Unmatched {
		if h.Setting == On {
			add(h.Key)
		}
	}
	return out
}
