package fuzz

import (
	"errors"
	"slices"
	"strings"

	"github.com/directfs/runsc/directfspolicy"
	"github.com/directfs/runsc/pkg/ociconfig"
	"github.com/directfs/runsc/runsc/enginetest"
	specs "github.com/opencontainers/runtime-spec/specs-go"
)

func usesLisaFS(p directfspolicy.Plan) bool {
	return slices.ContainsFunc(p.Decisions(), func(d directfspolicy.Decision) bool { return d.Access == directfspolicy.LisaFS })
}

func refusedFor(err error) func(observed) bool {
	return func(o observed) bool { return errors.Is(o.planErr, err) }
}

func hintError(o observed, sentinel error) (*directfspolicy.HintError, bool) {
	return hintErrorIf(o, sentinel, func(*directfspolicy.HintError) bool { return true })
}

func hintErrorIf(o observed, sentinel error, ok func(*directfspolicy.HintError) bool) (*directfspolicy.HintError, bool) {
	for _, f := range directfspolicy.Findings(o.planErr) {
		var e *directfspolicy.HintError
		if errors.As(f, &e) && errors.Is(e, sentinel) && ok(e) {
			return e, true
		}
	}
	return nil, false
}

// invalid looks for a value that is refused of a key whose last word is one of
// those.
func invalid(o observed, words ...string) (*directfspolicy.HintError, bool) {
	return refusedKey(o, directfspolicy.ErrInvalidValue, words...)
}

func refusedKey(o observed, sentinel error, words ...string) (*directfspolicy.HintError, bool) {
	return hintErrorIf(o, sentinel, func(e *directfspolicy.HintError) bool {
		return slices.ContainsFunc(words, func(w string) bool {
			return strings.HasSuffix(e.Key, "."+w) || strings.HasSuffix(e.Key, " "+w)
		})
	})
}

func badValue(o observed) bool {
	e, ok := invalid(o, hintFields...)
	if !ok {
		return false
	}
	k := directfspolicy.DirectFSKnob
	for _, other := range directfspolicy.Knobs() {
		if strings.HasSuffix(e.Key, string(other)) {
			k = other
		}
	}
	return !slices.Contains(k.Allowed(), e.Value)
}

// similarKey is one of those that the generator draws.
func similarKey(o observed) bool {
	_, ok := refusedKey(o, ociconfig.ErrInvalidKey, "direct-fs", "cached")
	return ok
}

func relativeSource(o observed) bool {
	e, ok := invalid(o, "source")
	return ok && !strings.HasPrefix(e.Value, "/")
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

// servedByVolume is a mount, or for what follows from all of them any mount, of
// which a hint says that another gofer serves it.
func servedByVolume(o observed) bool {
	if o.kind == access || o.kind == donation {
		return o.decision.ServedByVolume()
	}
	return slices.ContainsFunc(o.plan.Decisions(), directfspolicy.Decision.ServedByVolume)
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
