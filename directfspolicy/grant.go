package directfspolicy

// Process is one of the two processes that hold what a Plan grants.
type Process string

// The processes that a Plan is about.
const (
	SandboxProcess Process = "sandbox"
	GoferProcess   Process = "gofer"
)

// GrantKind is a kind of privilege.
type GrantKind string

const (
	// GrantCapability: Name is as in capabilities(7).
	GrantCapability GrantKind = "capability"

	// GrantUserNamespace: Name is a [UserNamespace].
	GrantUserNamespace GrantKind = "user namespace"

	// GrantUmask: Name is "0".
	GrantUmask GrantKind = "umask"

	// GrantSeccomp: Name is a [SetName].
	GrantSeccomp GrantKind = "seccomp"
)

// Grant is one thing that a process holds, and what for. Without a cause, every
// such process holds it.
type Grant struct {
	Process Process   `json:"process"`
	Kind    GrantKind `json:"kind"`
	Name    string    `json:"name"`
	Causes  []Cause   `json:"causes"`
}

// Grants is everything that the sandbox and this container's gofer hold because
// of directfs, with its causes. It is the one place where privileges follow
// from decisions; [Plan.Sandbox], [Plan.Sentry] and [Plan.Gofer] are views of
// it.
func (p Plan) Grants() []Grant {
	var g grants
	raised := p.raisedFor()
	writing := writing(raised)
	for _, name := range directfsCapabilities {
		causes := writing
		if readingCapabilities[name] {
			causes = raised
		}
		g.add(SandboxProcess, GrantCapability, name, causes)
	}
	ns := raised
	if p.hostNetwork {
		ns = append(ns[:len(ns):len(ns)], Cause{Kind: CauseHostNetwork})
	}
	if !g.add(SandboxProcess, GrantUserNamespace, SpecUserNamespace.String(), ns) {
		g.all = append(g.all, Grant{Process: SandboxProcess, Kind: GrantUserNamespace, Name: NewUserNamespace.String(), Causes: []Cause{}})
	}
	g.add(SandboxProcess, GrantUmask, "0", raised)
	g.seccomp(SandboxProcess, SentryBase)
	g.readOrWrite(SandboxProcess, SentryHostFilesystemRead, SentryHostFilesystem, raised)
	g.seccomp(GoferProcess, GoferBase)
	g.readOrWrite(GoferProcess, GoferDirectFSFallbackRead, GoferDirectFSFallback, p.served(DirectFS))
	lisafs := p.served(LisaFS)
	if p.hostDevices && !p.DonatesDevices() {
		lisafs = append(lisafs, Cause{Kind: CauseHostDevices})
	}
	g.readOrWrite(GoferProcess, GoferLisaFSRead, GoferLisaFS, lisafs)
	return g.all
}

type grants struct{ all []Grant }

// add grants the name for the causes, if there are any.
func (g *grants) add(p Process, k GrantKind, name string, causes []Cause) bool {
	if len(causes) == 0 {
		return false
	}
	g.all = append(g.all, Grant{p, k, name, append([]Cause{}, causes...)})
	return true
}

// seccomp grants a set that every such process has.
func (g *grants) seccomp(p Process, name SetName) {
	g.all = append(g.all, Grant{p, GrantSeccomp, string(name), []Cause{}})
}

// readOrWrite grants the set for reading, or the one for writing if any cause
// needs that.
func (g *grants) readOrWrite(p Process, read, write SetName, causes []Cause) {
	if !g.add(p, GrantSeccomp, string(write), writing(causes)) {
		g.add(p, GrantSeccomp, string(read), causes)
	}
}

// sets lists the seccomp sets of the process.
func (p Plan) sets(of Process) []SetName {
	var all []SetName
	for _, g := range p.Grants() {
		if g.Process == of && g.Kind == GrantSeccomp {
			all = append(all, SetName(g.Name))
		}
	}
	return all
}

// Sentry names the sets of system calls that the seccomp filter of the sandbox
// process allows; see [Calls].
func (p Plan) Sentry() []SetName { return p.sets(SandboxProcess) }

// Gofer names the sets that the filter of this container's gofer allows.
func (p Plan) Gofer() []SetName { return p.sets(GoferProcess) }
