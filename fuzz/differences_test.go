package fuzz

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/directfs/runsc/directfspolicy"
	"github.com/directfs/runsc/pkg/ociconfig"
	"github.com/directfs/runsc/runsc/enginetest"
	specs "github.com/opencontainers/runtime-spec/specs-go"
)

// kind is where a difference shows.
type kind string

const (
	refusedHere  kind = "refused here, accepted by upstream"
	refusedThere kind = "accepted here, refused by upstream"
	access       kind = "access"
	cacheMode    kind = "cache mode"
	donation     kind = "donation"
	goferSet     kind = "gofer's LisaFS calls"
	privileges   kind = "sandbox raised"
	reading      kind = "sandbox holds what reading needs"
)

// observed is one difference.
type observed struct {
	kind      kind
	c         enginetest.Case
	spec, pod *specs.Spec
	plan      directfspolicy.Plan
	planErr   error
	theirs    verdict

	// For access, cache mode and donation: which decision. 0 is the rootfs.
	index    int
	decision directfspolicy.Decision
}

func (o observed) as(k kind) observed {
	o.kind = k
	return o
}

func (o observed) String() string {
	return fmt.Sprintf("%s: mount %d, %+v; error here: %v; there: %+v", o.kind, o.index, o.decision, o.planErr, o.theirs)
}

// explain names the intended differences that this one is.
func (o observed) explain() (names []string) {
	for _, d := range differences {
		if slices.Contains(d.kinds, o.kind) && d.holds(o) {
			names = append(names, d.name)
		}
	}
	return names
}

// difference is one intended difference from upstream: a row of
// docs/upstream-differences.md, and how to recognize it in a spec.
type difference struct {
	name  string
	kinds []kind
	holds func(observed) bool
}

var differences = []difference{
	// What upstream ignores, or takes with a warning, is an error.
	{"bad value refused", []kind{refusedHere}, badValue},
	{"option injection refused", []kind{refusedHere}, refusedFor(ociconfig.ErrMountOption)},
	{"conflicting hints refused", []kind{refusedHere}, conflict},
	{"tmpfs by bind refused", []kind{refusedHere}, tmpfsByBind},
	{"hint without source refused", []kind{refusedHere}, refusedFor(ociconfig.ErrNoSource)},
	{"hint without mount refused", []kind{refusedHere}, noMount},
	{"hint without gofer refused", []kind{refusedHere}, withoutGofer},
	{"shared cache under an overlay refused", []kind{refusedHere}, refusedFor(directfspolicy.ErrOverlay)},
	{"broken promise refused", []kind{refusedHere}, brokenPromise},
	{"unclear destination refused", []kind{refusedHere}, twins},
	{"unraised sandbox refused", []kind{refusedHere}, notRaised},

	// What upstream refuses works.
	{"rootfs hint alone", []kind{refusedThere}, rootfsAlone},
	{"on, true, false for the rootfs", []kind{refusedThere}, rootfsWord},
	{"cache hint for the rootfs", []kind{refusedThere}, rootfsCache},
	{"two names, one complete", []kind{refusedThere}, sharedSource},

	// What upstream ignores is honoured.
	{"on under --directfs=false", []kind{access, donation, privileges}, onUnderFalse},
	{"cache hint", []kind{cacheMode}, func(o observed) bool { return o.decision.WhyCache.Reason()[:4] == "hint" }},
	{"off as a mount option", []kind{access}, offBecause(func(s statement) bool { return s.option })},
	{"false means off", []kind{access}, offBecause(func(s statement) bool { return s.value == "false" })},
	{"source and directfs alone", []kind{access}, offBecause(func(s statement) bool { return !s.complete })},
	{"sources compared cleaned", []kind{access}, offBecause(func(s statement) bool { return s.respelled })},
	{"hints of the joining container", []kind{access}, offBecause(func(s statement) bool { return s.own })},

	// What follows from the decisions, and from nothing else.
	{"off mounts not donated", []kind{donation}, offNotDonated},
	{"sandbox raised only if used", []kind{privileges}, notUsed},
	{"only reading where nothing is written", []kind{reading}, nothingWritten},
	{"LisaFS calls only if used", []kind{goferSet}, func(o observed) bool { return !usesLisaFS(o.plan) }},
	{"LisaFS calls where needed", []kind{goferSet}, lisaFSNeeded},
}

func usesLisaFS(p directfspolicy.Plan) bool {
	return slices.ContainsFunc(p.Decisions(), func(d directfspolicy.Decision) bool { return d.Access == directfspolicy.LisaFS })
}

func refusedFor(err error) func(observed) bool {
	return func(o observed) bool { return errors.Is(o.planErr, err) }
}

func hintError(o observed, sentinel error) (*directfspolicy.HintError, bool) {
	for _, f := range directfspolicy.Findings(o.planErr) {
		var e *directfspolicy.HintError
		if errors.As(f, &e) && errors.Is(e, sentinel) {
			return e, true
		}
	}
	return nil, false
}

func badValue(o observed) bool {
	e, ok := hintError(o, directfspolicy.ErrInvalidValue)
	if !ok {
		return false
	}
	k := directfspolicy.DirectFSKnob
	if strings.HasSuffix(e.Key, "cache") {
		k = directfspolicy.CacheKnob
	}
	return !slices.Contains(k.Allowed(), e.Value)
}

// conflict needs two statements, or a pod and a container that mean different
// mounts by one name.
func conflict(o observed) bool {
	e, ok := hintError(o, directfspolicy.ErrConflict)
	if !ok || tmpfsByBind(o) {
		return false
	}
	pods, known := o.pod.Annotations[e.Key]
	return len(statements(o)) > 1 || known && pods != e.Value
}

// tmpfsByBind is a name that upstream's client takes for a bind mount and its
// sentry for a tmpfs.
func tmpfsByBind(o observed) bool {
	e, ok := hintError(o, directfspolicy.ErrConflict)
	return ok && strings.HasSuffix(e.Key, ".options") && strings.Contains(e.Value, "bind")
}

func noMount(o observed) bool {
	e, ok := hintError(o, directfspolicy.ErrNoMount)
	if !ok {
		return false
	}
	for _, s := range statements(o) {
		if s.key == e.Key {
			return !slices.ContainsFunc(o.spec.Mounts, func(m specs.Mount) bool { return clean(m.Source) == clean(s.source) })
		}
	}
	return false
}

func withoutGofer(o observed) bool {
	e, ok := hintError(o, directfspolicy.ErrNotGoferMount)
	if !ok {
		return false
	}
	if o.c.Pod != nil {
		return true // perhaps the pod's first container is refused
	}
	for i, m := range o.theirs.Mounts {
		if clean(o.spec.Mounts[i].Destination) == e.Mount && !m.Served {
			return true
		}
	}
	return e.Mount == "/" && !o.theirs.Rootfs.Served
}

// brokenPromise is an exclusive cache of files that another mount of the spec,
// or its rootfs, has too.
func brokenPromise(o observed) bool {
	if !errors.Is(o.planErr, directfspolicy.ErrNotExclusive) {
		return false
	}
	for _, s := range []*specs.Spec{o.spec, o.pod} {
		for i, m := range s.Mounts {
			for _, other := range append([]specs.Mount{{Source: s.Root.Path}}, s.Mounts[:i]...) {
				a, b := clean(m.Source)+"/", clean(other.Source)+"/"
				if strings.HasPrefix(a, b) || strings.HasPrefix(b, a) {
					return true
				}
			}
		}
	}
	return false
}

// twins are mounts at one destination that would be served differently; a
// Plan names a mount by its destination.
func twins(o observed) bool {
	if !errors.Is(o.planErr, directfspolicy.ErrInvalidRequest) {
		return false
	}
	for _, s := range []*specs.Spec{o.spec, o.pod} {
		seen := map[string]bool{}
		for _, m := range s.Mounts {
			if d := clean(m.Destination); seen[d] {
				return true
			} else {
				seen[d] = true
			}
		}
	}
	return false
}

// notRaised is a container that asks for directfs in a sandbox that started
// under --directfs=false.
func notRaised(o observed) bool {
	return errors.Is(o.planErr, directfspolicy.ErrSandboxNotRaised) && !o.c.Conf.DirectFS
}

func onUnderFalse(o observed) bool {
	if o.c.Conf.DirectFS {
		return false
	}
	if o.kind == privileges {
		return o.plan.Sandbox().Raised && (len(o.plan.Donations()) > 0 || len(o.plan.Unmatched()) > 0)
	}
	return o.decision.WhyAccess.Reason() == "hint-on"
}

func offNotDonated(o observed) bool {
	return o.c.Conf.DirectFS && o.decision.WhyAccess.Reason() == "hint-off"
}

func notUsed(o observed) bool {
	return o.c.Conf.DirectFS && o.plan.Container().Scope == directfspolicy.Standalone && len(o.plan.Donations()) == 0
}

func nothingWritten(o observed) bool {
	mounts := append([]enginetest.Mount{o.theirs.Rootfs}, o.theirs.Mounts...)
	for i, d := range o.plan.Decisions() {
		if d.Access == directfspolicy.DirectFS && !mounts[i].ReadOnly {
			return false
		}
	}
	return len(o.plan.Donations()) > 0
}

// lisaFSNeeded: upstream's gofer lacks the calls because upstream ignores the
// hint, or, in a pod, because its gofer does not know what its sentry does.
func lisaFSNeeded(o observed) bool {
	return o.c.Conf.DirectFS && slices.ContainsFunc(o.plan.Decisions(), func(d directfspolicy.Decision) bool {
		return d.WhyAccess.Reason() == "hint-off"
	})
}
