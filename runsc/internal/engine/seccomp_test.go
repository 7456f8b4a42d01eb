package engine_test

import (
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/directfs/runsc/directfspolicy"
	"github.com/directfs/runsc/runsc/internal/engine"
	"gvisor.dev/gvisor/pkg/seccomp"
	"gvisor.dev/gvisor/pkg/seccomp/precompiledseccomp"
	"gvisor.dev/gvisor/pkg/sentry/syscalls/linux"
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

func sentryRules(hostFilesystem bool) seccomp.SyscallRules {
	rules, _ := sentryconfig.Rules(sentryconfig.Options{Platform: noPlatform{}, HostFilesystem: hostFilesystem})
	return rules
}

func goferRules(o goferfilter.Options) seccomp.SyscallRules {
	rules, _ := goferconfig.Rules(o)
	return rules
}

// names are the calls that the rules allow in any form. The table of the
// sentry's own system calls is the module's list of names.
func names(t *testing.T, rules seccomp.SyscallRules) []string {
	t.Helper()
	if runtime.GOARCH != "amd64" {
		t.Skip("the policy's sets have the names that calls have on amd64")
	}
	var out []string
	for no := range uintptr(1024) {
		if !rules.Has(no) {
			continue
		}
		call, ok := linux.AMD64.Table[no]
		if !ok {
			t.Fatalf("system call %d has no name", no)
		}
		out = append(out, call.Name)
	}
	if len(out) != rules.Size() {
		t.Fatalf("%d of %d rules have a name", len(out), rules.Size())
	}
	return out
}

// minus are the calls of a that are not in b.
func minus(a, b []string) []string {
	return slices.DeleteFunc(slices.Clone(a), func(call string) bool { return slices.Contains(b, call) })
}

// checkSet says which calls moved between the policy's sets and the engine.
func checkSet(t *testing.T, engineCalls []string, sets ...directfspolicy.SetName) {
	t.Helper()
	policy := directfspolicy.Calls(sets...)
	for _, call := range minus(engineCalls, policy) {
		t.Errorf("the engine allows %s and no set of %v has it: add it to one in directfspolicy/seccomp.go", call, sets)
	}
	for _, call := range minus(policy, engineCalls) {
		var in []string
		for _, s := range sets {
			if slices.Contains(directfspolicy.Calls(s), call) {
				in = append(in, string(s))
			}
		}
		t.Errorf("set %s has %s, which the engine does not allow: remove it in directfspolicy/seccomp.go", strings.Join(in, ", "), call)
	}
}

func TestSentrySets(t *testing.T) {
	base, wide := sentryRules(false), sentryRules(true)
	baseNames, wideNames := names(t, base), names(t, wide)
	checkSet(t, baseNames, directfspolicy.SentryBase)

	// What directfs adds are new calls, and old ones in more forms.
	added := minus(wideNames, baseNames)
	for no := range uintptr(1024) {
		if base.Has(no) && base.Get(no).String() != wide.Get(no).String() {
			added = append(added, linux.AMD64.Table[no].Name)
		}
	}
	checkSet(t, added, directfspolicy.SentryHostFilesystem)
	if gone := minus(baseNames, wideNames); len(gone) > 0 {
		t.Errorf("HostFilesystem takes %v away", gone)
	}
}

func TestGoferSets(t *testing.T) {
	t.Run("directfs", func(t *testing.T) {
		checkSet(t, names(t, goferRules(goferfilter.Options{DirectFS: true})),
			directfspolicy.GoferBase, directfspolicy.GoferDirectFSFallback)
	})
	t.Run("directfs and lisafs", func(t *testing.T) {
		checkSet(t, names(t, goferRules(goferfilter.Options{DirectFS: true, LisafsNeeded: true})),
			directfspolicy.GoferBase, directfspolicy.GoferLisaFS)
	})
	t.Run("lisafs", func(t *testing.T) {
		checkSet(t, names(t, goferRules(goferfilter.Options{})), directfspolicy.GoferBase, directfspolicy.GoferLisaFS)
	})
}

// The sets for reading are parts of the others, and what is stacked upon the
// engine's filter denies the rest, by the right numbers.
func TestNarrow(t *testing.T) {
	for _, c := range caches {
		r := directfspolicy.Request{Rootfs: mountFor("/", directfspolicy.DirectFS, c), Mounts: []directfspolicy.Mount{mountFor("/m", directfspolicy.LisaFS, c)}}
		r.Rootfs.ReadOnly = true
		p, err := directfspolicy.Resolve(r)
		if err != nil {
			t.Fatal(err)
		}
		sentry, err := engine.NarrowSentry(p)
		if err != nil || sentry == nil {
			t.Fatalf("%v, %v", sentry, err)
		}
		checkDenied(t, sentry, names(t, sentryRules(true)), p.Sentry())
		gofer, err := engine.NarrowGofer(p, nil)
		if err != nil || gofer == nil {
			t.Fatalf("%v, %v", gofer, err)
		}
		checkDenied(t, gofer, names(t, goferRules(engine.GoferFilter(goferfilter.Options{}, p))), p.Gofer())
	}
}

// checkDenied compares what is left of the engine's calls with the plan's.
// openat and utimensat are denied only where no rule before allows them.
func checkDenied(t *testing.T, program *seccomp.Program, engineCalls []string, sets []directfspolicy.SetName) {
	t.Helper()
	allowed, denied := names(t, program.RuleSets[0].Rules), names(t, program.RuleSets[1].Rules)
	checkSet(t, minus(engineCalls, minus(denied, allowed)), sets...)
}

func usesLisaFS(p directfspolicy.Plan) bool {
	return slices.ContainsFunc(p.Decisions(), func(d directfspolicy.Decision) bool { return d.Access == directfspolicy.LisaFS })
}

// The filter that GoferFilter asks for has the LisaFS rules exactly where the
// plan names that set, whatever the caller had in its options.
func TestGoferFilter(t *testing.T) {
	forEachWant(func(root want) {
		forEachWant(func(m want) {
			p := planFor(t, directfspolicy.Standalone, true, root, []want{m})
			for _, before := range []goferfilter.Options{{}, {DirectFS: true}, {LisafsNeeded: true}, {DirectFS: true, LisafsNeeded: true}} {
				rules := goferRules(engine.GoferFilter(before, p))
				plain := goferRules(goferfilter.Options{DirectFS: true, LisafsNeeded: usesLisaFS(p)})
				if rules.String() != plain.String() {
					t.Errorf("rootfs %v, mount %v, from %+v: LisaFS rules differ from the plan's %v", root, m, before, p.Gofer())
				}
			}
		})
	})
	got := engine.GoferFilter(goferfilter.Options{UDSOpenEnabled: true, ProfileEnabled: true, CgoEnabled: true}, directfspolicy.Plan{})
	if !got.UDSOpenEnabled || !got.ProfileEnabled || !got.CgoEnabled {
		t.Errorf("options that are not directfs's business were dropped: %+v", got)
	}
}
