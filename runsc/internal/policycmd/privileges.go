package policy

import (
	"slices"

	"github.com/directfs/runsc/directfspolicy"
)

// privilege is something that a process holds, with what it is held for.
type privilege struct {
	process string // sandbox or gofer
	kind    string
	names   []string
	causes  []string
}

// cause is one reason to hold something: a mount, or what else the policy
// looks at. Its plan is that of a container which has this reason alone.
type cause struct {
	name string
	plan directfspolicy.Plan
}

// privileges lists what the sandbox and the gofer hold by the plan, and why.
// It finds the causes by asking the policy what each of them would lead to
// alone.
func privileges(p directfspolicy.Plan) []privilege {
	causes := causesOf(p)
	var all []privilege
	add := func(process, kind, name, otherwise string, holds func(directfspolicy.Plan) bool) {
		v := privilege{process: process, kind: kind, names: []string{name}}
		for _, c := range causes {
			if holds(c.plan) && !slices.Contains(v.causes, c.name) {
				v.causes = append(v.causes, c.name)
			}
		}
		if len(v.causes) == 0 {
			v.causes = []string{otherwise}
		}
		all = appendPrivilege(all, v)
	}
	for _, name := range p.Sandbox.Capabilities {
		add("sandbox", "capabilities", name, "", func(q directfspolicy.Plan) bool { return slices.Contains(q.Sandbox.Capabilities, name) })
	}
	if len(p.Sandbox.Capabilities) == 0 {
		add("sandbox", "capabilities", "none for files", "nothing needs one", never)
	}
	add("sandbox", "user namespace", p.Sandbox.UserNamespace.String(), "nothing needs more", func(q directfspolicy.Plan) bool {
		return q.Sandbox.UserNamespace == directfspolicy.SpecUserNamespace
	})
	if p.Sandbox.UmaskZero {
		add("sandbox", "umask", "0", "", func(q directfspolicy.Plan) bool { return q.Sandbox.UmaskZero })
	} else {
		add("sandbox", "umask", "as it was", "nothing needs 0", never)
	}
	for _, name := range p.Sentry {
		add("sandbox", "seccomp", string(name), "every sandbox", beyondBase(name, func(q directfspolicy.Plan) []directfspolicy.SetName { return q.Sentry }))
	}
	for _, name := range p.Gofer {
		add("gofer", "seccomp", string(name), "every gofer", beyondBase(name, func(q directfspolicy.Plan) []directfspolicy.SetName { return q.Gofer }))
	}
	return all
}

func never(directfspolicy.Plan) bool { return false }

// beyondBase reports whether a plan names the set and nothing would not.
func beyondBase(name directfspolicy.SetName, sets func(directfspolicy.Plan) []directfspolicy.SetName) func(directfspolicy.Plan) bool {
	if slices.Contains(sets(nothing()), name) {
		return never
	}
	return func(q directfspolicy.Plan) bool { return slices.Contains(sets(q), name) }
}

// appendPrivilege joins the capabilities that are held for the same causes.
func appendPrivilege(all []privilege, v privilege) []privilege {
	for i, w := range all {
		if v.kind == "capabilities" && w.kind == v.kind && slices.Equal(w.causes, v.causes) {
			all[i].names = append(w.names, v.names...)
			return all
		}
	}
	return append(all, v)
}

// causesOf splits the plan into its reasons.
func causesOf(p directfspolicy.Plan) []cause {
	var all []cause
	for _, d := range p.Decisions {
		all = append(all, cause{d.Mount, alone(d)})
	}
	joining := resolve(directfspolicy.Request{Flag: p.Flag, Scope: p.Scope, Unmatched: p.Unmatched})
	for _, name := range joining.Sandbox.RaisedFor {
		all = append(all, cause{name, joining})
	}
	if p.HostNetwork {
		all = append(all, cause{"host network", resolve(directfspolicy.Request{HostNetwork: true})})
	}
	return all
}

// alone is the plan of a container that has one mount, decided like d.
func alone(d directfspolicy.Decision) directfspolicy.Plan {
	if d.Access == directfspolicy.NoAccess {
		return nothing()
	}
	m := directfspolicy.Mount{Destination: d.Mount, Backend: directfspolicy.StockGofer, Cache: d.Cache, ReadOnly: d.ReadOnly}
	setting := directfspolicy.Off
	if d.Access == directfspolicy.DirectFS {
		setting = directfspolicy.On
	}
	m.Hints = []directfspolicy.Hint{{Key: "alone", Setting: setting}}
	if d.Mount == "/" {
		return resolve(directfspolicy.Request{Rootfs: m})
	}
	return resolve(directfspolicy.Request{Mounts: []directfspolicy.Mount{m}})
}

// nothing is the plan of a container without a mount that a gofer serves.
func nothing() directfspolicy.Plan { return resolve(directfspolicy.Request{}) }

// resolve is for requests that this package makes and the policy cannot
// refuse; if it did, the zero Plan causes nothing.
func resolve(r directfspolicy.Request) directfspolicy.Plan {
	p, _ := directfspolicy.Resolve(r)
	return p
}
