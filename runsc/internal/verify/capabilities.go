package verify

import (
	"math/bits"
	"slices"
	"strings"

	"github.com/directfs/runsc/directfspolicy"
	"github.com/directfs/runsc/runsc/internal/engine"
	"github.com/moby/sys/capability"
)

// list names the set, without the prefix that all names share.
func (c caps) list() string {
	if c == 0 {
		return "none"
	}
	var names []string
	for rest := uint64(c); rest != 0; rest &= rest - 1 {
		known := capability.Cap(bits.TrailingZeros64(rest))
		if slices.Contains(capability.ListKnown(), known) {
			names = append(names, strings.ToUpper(known.String()))
		} else {
			names = append(names, itoa(int(known)))
		}
	}
	return strings.Join(names, " ")
}

func capsOf(names ...string) caps { return caps(engine.CapabilityMask(names...)) }

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
	if plan.Container().HostNetwork {
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
