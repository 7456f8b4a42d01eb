package policycmd

import (
	"slices"

	"github.com/directfs/runsc/directfspolicy"
	"github.com/directfs/runsc/runsc/internal/volumes"
)

// privilege is something that a process holds, or that it does not, with what
// for.
type privilege struct {
	process string // sandbox or gofer
	kind    string
	names   []string
	causes  []string
}

// Kinds of grants, which are shown also where there is none.
const (
	capability = "capability"
	umaskKind  = "umask"
)

// privileges lists what the sandbox and the gofer hold by the plan, and why, as
// the Plan says.
func privileges(p directfspolicy.Plan) []privilege {
	var all []privilege
	kinds := map[string]bool{}
	for _, g := range p.Grants() {
		kinds[g.Kind] = true
		all = appendPrivilege(all, privilege{g.Process, kindName(g.Kind), []string{g.Name}, causesOf(g)})
	}
	if calls, mounts := backendCalls(p); len(calls) > 0 {
		all = append(all, privilege{"gofer", "seccomp", calls, mounts})
	}
	if !kinds[capability] {
		all = slices.Insert(all, 0, privilege{"sandbox", kindName(capability), []string{"none for files"}, []string{"nothing needs one"}})
	}
	if !kinds[umaskKind] {
		at := slices.IndexFunc(all, func(v privilege) bool { return v.kind == "seccomp" })
		all = slices.Insert(all, at, privilege{"sandbox", umaskKind, []string{"unchanged"}, []string{"nothing needs 0"}})
	}
	return all
}

// backendCalls are the system calls that the sets do not have, and that backends
// of this program declare, with the mounts that these serve.
func backendCalls(p directfspolicy.Plan) (calls, mounts []string) {
	for _, d := range p.Decisions() {
		if len(volumes.CallsFor(d)) > 0 {
			mounts = append(mounts, d.Mount)
		}
	}
	return minus(volumes.Calls(p), directfspolicy.Calls(p.Gofer()...)), mounts
}

func kindName(k string) string {
	if k == capability {
		return "capabilities"
	}
	return k
}

// causesOf names what a grant is for.
func causesOf(g directfspolicy.Grant) []string {
	if len(g.Causes) == 0 {
		if g.Kind == "user namespace" {
			return []string{"nothing needs more"}
		}
		return []string{"every " + g.Process}
	}
	var names []string
	for _, c := range g.Causes {
		if name := c.String(); !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	return names
}

// appendPrivilege joins the capabilities that are held for the same causes.
func appendPrivilege(all []privilege, v privilege) []privilege {
	for i, w := range all {
		if v.kind == kindName(capability) && w.kind == v.kind && slices.Equal(w.causes, v.causes) {
			all[i].names = append(w.names, v.names...)
			return all
		}
	}
	return append(all, v)
}
