package directfspolicy

// The processes that hold grants, and the kinds of grants.
const (
	sandboxProcess = "sandbox"
	goferProcess   = "gofer"

	grantCapability    = "capability"
	grantUserNamespace = "user namespace"
	grantUmask         = "umask"
	grantSeccomp       = "seccomp"
)

// Grant is one thing that a process holds, and what for. Without a cause, every
// such process holds it.
type Grant struct {
	// Process is "sandbox" or "gofer".
	Process string `json:"process"`

	// Kind says what Name is: "capability", as in capabilities(7); "user
	// namespace", which is "new" or "spec"; "umask", which is "0"; or
	// "seccomp", a [SetName].
	Kind string `json:"kind"`
	Name string `json:"name"`

	Causes []Cause `json:"causes"`
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
		g.add(sandboxProcess, grantCapability, name, causes)
	}
	ns := raised
	if p.container.HostNetwork {
		ns = append(ns[:len(ns):len(ns)], Cause{Kind: causeHostNetwork})
	}
	if !g.add(sandboxProcess, grantUserNamespace, specNamespace, ns) {
		g.all = append(g.all, Grant{Process: sandboxProcess, Kind: grantUserNamespace, Name: newNamespace, Causes: []Cause{}})
	}
	g.add(sandboxProcess, grantUmask, "0", raised)
	g.seccomp(sandboxProcess, SentryBase)
	g.readOrWrite(sandboxProcess, SentryHostFilesystemRead, SentryHostFilesystem, raised)
	g.seccomp(goferProcess, GoferBase)
	g.readOrWrite(goferProcess, GoferDirectFSFallbackRead, GoferDirectFSFallback, p.served(DirectFS))
	g.add(goferProcess, grantSeccomp, string(GoferVolume), p.servedByBackends())
	lisafs := p.servedByFiles()
	if p.container.HostDevices && !p.DonatesDevices() {
		lisafs = append(lisafs, Cause{Kind: causeHostDevices})
	}
	g.readOrWrite(goferProcess, GoferLisaFSRead, GoferLisaFS, lisafs)
	return g.all
}

type grants struct{ all []Grant }

// add grants the name for the causes, if there are any.
func (g *grants) add(p, k, name string, causes []Cause) bool {
	if len(causes) == 0 {
		return false
	}
	g.all = append(g.all, Grant{p, k, name, append([]Cause{}, causes...)})
	return true
}

// seccomp grants a set that every such process has.
func (g *grants) seccomp(p string, name SetName) {
	g.all = append(g.all, Grant{p, grantSeccomp, string(name), []Cause{}})
}

// readOrWrite grants the set for reading, or the one for writing if any cause
// needs that.
func (g *grants) readOrWrite(p string, read, write SetName, causes []Cause) {
	if !g.add(p, grantSeccomp, string(write), writing(causes)) {
		g.add(p, grantSeccomp, string(read), causes)
	}
}

// sets lists the seccomp sets of the process.
func (p Plan) sets(of string) []SetName {
	var all []SetName
	for _, g := range p.Grants() {
		if g.Process == of && g.Kind == grantSeccomp {
			all = append(all, SetName(g.Name))
		}
	}
	return all
}

// Sentry names the sets of system calls that the seccomp filter of the sandbox
// process allows; see [Calls].
func (p Plan) Sentry() []SetName { return p.sets(sandboxProcess) }

// Gofer names the sets that the filter of this container's gofer allows.
func (p Plan) Gofer() []SetName { return p.sets(goferProcess) }
