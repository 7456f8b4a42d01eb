package directfspolicy

// The user namespaces in which a sandbox process runs (user_namespaces(7)): a
// fresh one with a single unprivileged user; or the one the spec asks for, or
// else the runtime's own or one with identity mappings into it.
const (
	newNamespace  = "new"
	specNamespace = "spec"
)

// Sandbox is what the sandbox process holds because of directfs. The zero
// value holds nothing.
type Sandbox struct {
	// RaisedFor is what raised it. Empty if nothing did.
	RaisedFor []Cause

	// Raised says whether the sandbox has what directfs needs. All other
	// fields but SpecUserNamespace follow from it.
	Raised bool

	// WritesHost says whether any mount that raised the sandbox, or may yet be
	// brought by a joining container, lets writes through to the host. Without
	// it the sandbox holds only what reading needs.
	WritesHost bool

	// Capabilities are the names, as in capabilities(7), of what the process
	// has for the sake of directfs.
	Capabilities []string

	// SpecUserNamespace says whether the process runs in the user namespace that
	// the spec asks for, or else the runtime's own or one with identity mappings
	// into it, as that namespace's root (user_namespaces(7)). Otherwise it runs
	// in a fresh one, as its single, unprivileged user.
	SpecUserNamespace bool

	// UmaskZero says whether the process runs with umask 0, so that modes
	// reach the host as the container set them. Otherwise its umask is left
	// unchanged.
	UmaskZero bool
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
var readingCapabilities = map[string]bool{"CAP_DAC_READ_SEARCH": true}

// Sandbox is what this container needs of its sandbox or, for the first
// container of a sandbox, what the sandbox gets.
func (p Plan) Sandbox() Sandbox {
	s := Sandbox{RaisedFor: p.raisedFor()}
	s.Raised = len(s.RaisedFor) > 0
	s.WritesHost = len(writing(s.RaisedFor)) > 0
	for _, g := range p.Grants() {
		switch g.Kind {
		case grantCapability:
			s.Capabilities = append(s.Capabilities, g.Name)
		case grantUmask:
			s.UmaskZero = true
		case grantUserNamespace:
			s.SpecUserNamespace = g.Name == specNamespace
		}
	}
	return s
}
