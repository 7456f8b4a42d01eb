package verify

import (
	"math/bits"
	"slices"
	"strings"

	"github.com/directfs/runsc/directfspolicy"
	"golang.org/x/sys/unix"
)

// capabilityNames are the capabilities that a process of the runtime may have,
// by their numbers (linux/capability.h).
var capabilityNames = map[int]string{
	unix.CAP_CHOWN:            "CAP_CHOWN",
	unix.CAP_DAC_OVERRIDE:     "CAP_DAC_OVERRIDE",
	unix.CAP_DAC_READ_SEARCH:  "CAP_DAC_READ_SEARCH",
	unix.CAP_FOWNER:           "CAP_FOWNER",
	unix.CAP_FSETID:           "CAP_FSETID",
	unix.CAP_SETGID:           "CAP_SETGID",
	unix.CAP_SETUID:           "CAP_SETUID",
	unix.CAP_NET_BIND_SERVICE: "CAP_NET_BIND_SERVICE",
	unix.CAP_NET_ADMIN:        "CAP_NET_ADMIN",
	unix.CAP_NET_RAW:          "CAP_NET_RAW",
	unix.CAP_SYS_CHROOT:       "CAP_SYS_CHROOT",
	unix.CAP_SYS_PTRACE:       "CAP_SYS_PTRACE",
	unix.CAP_SYS_ADMIN:        "CAP_SYS_ADMIN",
}

// list names the set, without the prefix that all names share.
func (c caps) list() string {
	if c == 0 {
		return "none"
	}
	var names []string
	for rest := uint64(c); rest != 0; rest &= rest - 1 {
		n := bits.TrailingZeros64(rest)
		name, ok := capabilityNames[n]
		if !ok {
			name = "CAP_" + itoa(n)
		}
		names = append(names, strings.TrimPrefix(name, "CAP_"))
	}
	return strings.Join(names, " ")
}

// capsOf is the set of the named capabilities.
func capsOf(names ...string) caps {
	var c caps
	for n, name := range capabilityNames {
		if slices.Contains(names, name) {
			c |= 1 << n
		}
	}
	return c
}

// fiveCaps are what directfs needs at most (capabilities(7)).
var fiveCaps = capsOf("CAP_CHOWN", "CAP_DAC_OVERRIDE", "CAP_DAC_READ_SEARCH", "CAP_FOWNER", "CAP_FSETID")

// capabilitySets are the sets that a thread has, by the names that proc(5)
// gives them. It acts by the effective one; an executed program could get the
// inheritable and the ambient ones.
var capabilitySets = []struct {
	name      string
	of        func(status) caps
	inherited bool
}{
	{"CapEff", func(s status) caps { return s.effective }, false},
	{"CapPrm", func(s status) caps { return s.permitted }, false},
	{"CapBnd", func(s status) caps { return s.bounding }, false},
	{"CapInh", func(s status) caps { return s.inheritable }, true},
	{"CapAmb", func(s status) caps { return s.ambient }, true},
}

// sandboxCapabilities expects exactly the Plan's capabilities of the five, and
// no other but for those that the engine gives for other purposes.
func (r *Report) sandboxCapabilities(p process, plan directfspolicy.Plan) {
	// The ptrace platform's, and those of a sandbox in the host's network
	// (runsc/cmd/sentry/sentrycmd/boot.go:496 and :524).
	purposes := capsOf("CAP_SYS_PTRACE")
	if plan.HostNetwork() {
		purposes |= capsOf("CAP_NET_ADMIN", "CAP_NET_BIND_SERVICE", "CAP_NET_RAW")
	}
	planned := capsOf(plan.Sandbox().Capabilities...)
	var others caps
	for _, set := range capabilitySets {
		want, have := planned, p.union(set.of)
		if set.inherited {
			want = 0
		}
		others |= have & purposes
		r.judge(CheckCapabilities, set.name, want.list(), (have &^ purposes).list(), have&^purposes == want)
	}
	if others != 0 {
		r.other(CheckCapabilities, "capabilities for other purposes", others.list())
	}
}

// goferCapabilities expects no more than serving files takes. A program that
// the gofer executed would not get them: its filter has no such call.
func (r *Report) goferCapabilities(p process) {
	planned := fiveCaps | capsOf("CAP_SYS_CHROOT")
	switch p.flagValue("host-uds") {
	case "open", "all":
		planned |= capsOf("CAP_SETUID", "CAP_SETGID")
	}
	for _, set := range capabilitySets {
		have := p.union(set.of)
		r.judge(CheckGofer, set.name, "at most "+planned.list(), have.list(), have&^planned == 0)
	}
}
