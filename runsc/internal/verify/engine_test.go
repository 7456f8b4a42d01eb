package verify

import (
	"fmt"
	"slices"
	"testing"

	"github.com/directfs/runsc/directfspolicy"
	"github.com/directfs/runsc/runsc/internal/engine"
	"github.com/directfs/runsc/runsc/internal/syscalls"
	"golang.org/x/net/bpf"
	"gvisor.dev/gvisor/pkg/seccomp"
	"gvisor.dev/gvisor/pkg/seccomp/precompiledseccomp"
	sentryconfig "gvisor.dev/gvisor/runsc/boot/filter/config"
	goferfilter "gvisor.dev/gvisor/runsc/fsgofer/filter"
	goferconfig "gvisor.dev/gvisor/runsc/fsgofer/filter/config"
)

// noPlatform adds no rules of a platform's own.
type noPlatform struct{}

func (noPlatform) Variables() precompiledseccomp.Values { return nil }
func (noPlatform) ConfigKey() string                    { return "none" }
func (noPlatform) SyscallFilters(precompiledseccomp.Values) seccomp.SyscallRules {
	return seccomp.NewSyscallRules()
}
func (noPlatform) HottestSyscalls() []uintptr { return nil }

// compiled is the engine's program as a process would install it.
func compiled(t *testing.T, p seccomp.Program) filter {
	t.Helper()
	ins, _, err := p.Build()
	if err != nil {
		t.Fatal(err)
	}
	raw := make([]bpf.RawInstruction, len(ins))
	for i, in := range ins {
		raw[i] = bpf.RawInstruction{Op: in.OpCode, Jt: in.JumpIfTrue, Jf: in.JumpIfFalse, K: in.K}
	}
	f, err := newFilter(raw)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func engineProgram(allowed, denied seccomp.SyscallRules) seccomp.Program {
	return seccomp.Program{
		RuleSets: []seccomp.RuleSet{{Rules: denied, Action: seccomp.KillProcess}, {Rules: allowed, Action: seccomp.Allow}},
		Options:  seccomp.ProgramOptions{DefaultAction: seccomp.KillProcess, BadArchAction: seccomp.KillProcess},
	}
}

func sentryStack(t *testing.T, p directfspolicy.Plan) stack {
	t.Helper()
	allowed, denied := sentryconfig.Rules(sentryconfig.Options{Platform: noPlatform{}, HostFilesystem: p.Sandbox().Raised, ControllerFD: 5})
	s := stack{}
	narrow, err := engine.NarrowSentry(p)
	if err != nil {
		t.Fatal(err)
	}
	if narrow != nil {
		s = append(s, compiled(t, *narrow))
	}
	return append(s, compiled(t, engineProgram(allowed, denied)))
}

func goferStack(t *testing.T, p directfspolicy.Plan) stack {
	t.Helper()
	allowed, denied := goferconfig.Rules(engine.GoferFilter(goferfilter.Options{}, p))
	s := stack{}
	narrow, err := engine.NarrowGofer(p, nil)
	if err != nil {
		t.Fatal(err)
	}
	if narrow != nil {
		s = append(s, compiled(t, *narrow))
	}
	return append(s, compiled(t, engineProgram(allowed, denied)))
}

// plans has one for every combination of sets.
func plans(t *testing.T) map[string]directfspolicy.Plan {
	t.Helper()
	all := map[string]directfspolicy.Plan{}
	for _, rootfs := range []directfspolicy.Setting{directfspolicy.On, directfspolicy.Off} {
		for _, mount := range []directfspolicy.Setting{directfspolicy.On, directfspolicy.Off} {
			for _, ro := range []bool{true, false} {
				p, err := directfspolicy.Resolve(directfspolicy.Request{Rootfs: directfspolicy.Mount{Backend: directfspolicy.StockGofer, ReadOnly: true,
					Hints: []directfspolicy.Hint{{Knob: directfspolicy.DirectFSKnob, Key: "k", Setting: rootfs}}}, Mounts: []directfspolicy.Mount{
					{Destination: "/a", Backend: directfspolicy.StockGofer, ReadOnly: ro, Hints: []directfspolicy.Hint{{Knob: directfspolicy.DirectFSKnob, Key: "k", Setting: mount}}},
				}})
				if err != nil {
					t.Fatal(err)
				}
				all[fmt.Sprintf("rootfs=%v,mount=%v,ro=%v", rootfs, mount, ro)] = p
			}
		}
	}
	for name, g := range map[string]directfspolicy.Gofer{"in the gofer": {}, "outside": {Outside: true}} {
		for _, rootfs := range []directfspolicy.Backend{directfspolicy.StockGofer, directfspolicy.NoGofer} {
			all[fmt.Sprintf("rootfs=%v,volume %s", rootfs, name)] = volumePlan(t, rootfs, g)
		}
	}
	return all
}

// volumePlan has a volume beside a directfs rootfs, or beside none.
func volumePlan(t *testing.T, rootfs directfspolicy.Backend, g directfspolicy.Gofer) directfspolicy.Plan {
	t.Helper()
	p, err := directfspolicy.Resolve(directfspolicy.Request{
		Container: directfspolicy.Container{Flag: true},
		Rootfs:    directfspolicy.Mount{Backend: rootfs},
		Mounts: []directfspolicy.Mount{{Destination: "/v", Backend: directfspolicy.StockGofer, Hints: []directfspolicy.Hint{
			{Knob: directfspolicy.GoferKnob, Key: "k", Setting: "blob/scratch"},
		}}},
		Backends: []string{"blob"}, Gofers: map[directfspolicy.GoferName]directfspolicy.Gofer{{Backend: "blob", Volume: "scratch"}: g},
	})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// Of the engine's own programs, every planned call is allowed and every other
// is denied, and a program made for another plan is told from its own.
func TestEngineFilters(t *testing.T) {
	all := plans(t)
	for name, p := range all {
		t.Run(name, func(t *testing.T) {
			sentry, gofer := sentryStack(t, p), goferStack(t, p)
			checkExact(t, sentryExpectation(p), sentry)
			checkExact(t, goferExpectation(p, nil), gofer)
			for other, q := range all {
				if fmt.Sprint(p.Sentry()) != fmt.Sprint(q.Sentry()) {
					checkNoticed(t, "sentry of "+other, sentryExpectation(q), sentry)
				}
				if fmt.Sprint(p.Gofer()) != fmt.Sprint(q.Gofer()) && slices.ContainsFunc(directfspolicy.Calls(p.Gofer()...), func(c string) bool { return !slices.Contains(directfspolicy.Calls(q.Gofer()...), c) }) {
					checkNoticed(t, "gofer of "+other, goferExpectation(q, nil), gofer)
				}
			}
		})
	}
}

func checkExact(t *testing.T, e expectation, s stack) {
	t.Helper()
	v, err := e.examine(s)
	if err != nil {
		t.Fatal(err)
	}
	if v.planned != len(directfspolicy.Calls(e.sets...)) {
		t.Errorf("%v: %d calls of %d have a number", e.sets, v.planned, len(directfspolicy.Calls(e.sets...)))
	}
	if len(v.missing)+len(v.extra)+len(v.forms)+len(v.foreign) > 0 {
		t.Errorf("%v: planned but denied %v, allowed but not planned %v, forms %v, foreign %v", e.sets, v.missing, v.extra, v.forms, v.foreign)
	}
	if len(v.others) > 0 {
		t.Errorf("%v: allowed besides: %v", e.sets, v.others)
	}
}

func checkNoticed(t *testing.T, whose string, e expectation, s stack) {
	t.Helper()
	v, err := e.examine(s)
	if err != nil {
		t.Fatal(err)
	}
	if len(v.missing)+len(v.extra)+len(v.forms) == 0 {
		t.Errorf("the filters pass for those of the %s: %v", whose, e.sets)
	}
}

// Every name in the policy's sets and in ours is a call somewhere.
func TestNames(t *testing.T) {
	for _, name := range directfspolicy.Calls(directfspolicy.SetNames()...) {
		if _, ok := syscalls.Number(name); !ok {
			t.Errorf("no number for %s", name)
		}
	}
	for _, p := range plans(t) {
		e := sentryExpectation(p)
		for _, f := range e.forms {
			if _, ok := syscalls.Number(f.call); !ok {
				t.Errorf("no number for %s", f.call)
			}
		}
	}
}
