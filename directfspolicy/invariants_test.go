package directfspolicy

import (
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"pgregory.net/rapid"
)

// checkInvariants checks what holds for every plan, resolved or decoded.
func checkInvariants(t rapid.TB, p Plan) {
	t.Helper()
	var donations []string
	uses, writes := map[any]bool{}, map[any]bool{}
	for _, d := range p.Decisions() {
		uses[d.Access] = true
		writes[d.Access] = writes[d.Access] || !d.ReadOnly
		if d.Access == LisaFS {
			lisafs := servedBy(d)
			uses[lisafs] = true
			writes[lisafs] = writes[lisafs] || !d.ReadOnly
		}
		checkDecision(t, d)
		if d.Access == DirectFS {
			donations = append(donations, d.Mount)
		}
	}
	if !slices.Equal(p.Donations(), donations) {
		t.Fatalf("donations %v, want %v", p.Donations(), donations)
	}
	for set, want := range map[SetName]bool{
		GoferBase:                 true,
		GoferVolume:               uses["backend"],
		GoferLisaFS:               writes["files"],
		GoferLisaFSRead:           !writes["files"] && (uses["files"] || p.Container().HostDevices && !p.DonatesDevices()),
		GoferDirectFSFallback:     writes[DirectFS],
		GoferDirectFSFallbackRead: uses[DirectFS] && !writes[DirectFS],
		SentryBase:                false,
	} {
		if got := slices.Contains(p.Gofer(), set); got != want {
			t.Fatalf("gofer has %s: %t, want %t", set, got, want)
		}
	}
	checkSandbox(t, p, writes[DirectFS])
	if want := warnings(p); !slices.Equal(texts(p.Warnings()), want) {
		t.Fatalf("warnings %q, want %q", p.Warnings(), want)
	}
	checkGrants(t, p)
}

// servedBy is what answers for a LisaFS mount: the gofer's file server, a backend
// in the gofer, or nothing there.
func servedBy(d Decision) string {
	switch {
	case d.Outside:
		return "outside"
	case d.ServedByVolume():
		return "backend"
	}
	return "files"
}

func texts[T fmt.Stringer](list []T) []string {
	out := []string{}
	for _, v := range list {
		out = append(out, v.String())
	}
	return out
}

// checkGrants checks that what a plan grants is what its views say, and that
// each grant has a cause that asks for it.
func checkGrants(t rapid.TB, p Plan) {
	t.Helper()
	base := map[string]bool{string(SentryBase): true, string(GoferBase): true, newNamespace: true}
	var caps []string
	for _, g := range p.Grants() {
		if (len(g.Causes) == 0) != base[g.Name] {
			t.Fatalf("%+v has %d causes", g, len(g.Causes))
		}
		if g.Kind == grantCapability {
			caps = append(caps, g.Name)
		}
		for _, c := range g.Causes {
			// Two mounts may be at one destination.
			served := slices.ContainsFunc(p.decisions, func(d Decision) bool {
				return d.Mount == c.Mount && d.Access != NoAccess && d.ReadOnly != c.Writes
			})
			if (c.Kind == causeMount) != served {
				t.Fatalf("%+v: cause %+v in\n%v", g, c, p)
			}
			changes := slices.Contains([]string{"CAP_CHOWN", "CAP_FOWNER", string(SentryHostFilesystem), string(GoferLisaFS), string(GoferDirectFSFallback)}, g.Name)
			if changes && !c.Writes {
				t.Fatalf("%s is held for %v, which writes nothing", g.Name, c)
			}
		}
	}
	if !slices.Equal(caps, p.Sandbox().Capabilities) {
		t.Fatalf("capabilities %v, granted %v", p.Sandbox().Capabilities, caps)
	}
}

// warnings are what a plan should warn of.
func warnings(p Plan) []string {
	out := []string{}
	for _, h := range p.unmatched {
		out = append(out, fmt.Sprintf("hint %s=%v matches no mount of this container", h.Key, h.Setting))
	}
	for _, d := range p.decisions {
		if d.WhyCache.reason == becauseHintExclusive {
			and := map[bool]string{true: "", false: ", and can overwrite it"}[d.ReadOnly]
			out = append(out, fmt.Sprintf("mount %q has an exclusive cache: the container sees late or never what anybody else writes there%s", d.Mount, and))
		}
	}
	reachable := slices.DeleteFunc(p.Warnings(), func(w Warning) bool { return w.Kind != warnReachable })
	for _, d := range p.decisions {
		if d.WhyAccess.reason != becauseHintOff || !slices.ContainsFunc(p.decisions, func(o Decision) bool {
			return o.Access == DirectFS && o.Mount != d.Mount && overlap(pathOf(d.Sources), pathOf(o.Sources))
		}) {
			continue
		}
		// Which of several mounts it names is for another test.
		said := fmt.Sprintf("a warning about %q", d.Mount)
		if len(reachable) > 0 {
			w := reachable[0]
			reachable = reachable[1:]
			donated := slices.ContainsFunc(p.decisions, func(o Decision) bool { return o.Mount == w.OtherMount && o.Access == DirectFS })
			if donated && w.Mount == d.Mount && w.OtherMount != d.Mount && overlap(pathOf(d.Sources), w.OtherSource.Path) {
				said = w.String()
			}
		}
		out = append(out, said)
	}
	return append(out, overlayWarnings(p)...)
}

// impliedAccess is property 9: the reason alone implies the access.
var impliedAccess = map[reason]Access{
	becauseFlagOff:      LisaFS,
	becauseFlagOn:       DirectFS,
	becauseHintOff:      LisaFS,
	becauseHintOn:       DirectFS,
	becauseCannotDonate: LisaFS,
	becauseNotGofer:     NoAccess,
}

var impliedCache = map[reason]Cache{
	becauseDefaultShared:    CacheShared,
	becauseDefaultExclusive: CacheExclusive,
	becauseHintShared:       CacheShared,
	becauseHintExclusive:    CacheExclusive,
}

func checkDecision(t rapid.TB, d Decision) {
	t.Helper()
	if want, ok := impliedAccess[d.WhyAccess.reason]; !ok || d.Access != want {
		t.Fatalf("mount %q has %v because %v", d.Mount, d.Access, d.WhyAccess)
	}
	if want, ok := impliedCache[d.WhyCache.reason]; !ok || d.Cache != want {
		t.Fatalf("mount %q has %v because %v", d.Mount, d.Cache, d.WhyCache)
	}
	if d.donated() != (d.Access == DirectFS) {
		t.Fatalf("mount %q with %v is donated: %t", d.Mount, d.Access, d.donated())
	}
	for k, w := range map[Knob]Why{DirectFSKnob: d.WhyAccess, CacheKnob: d.WhyCache, GoferKnob: d.WhyGofer} {
		h, ok := w.Hint()
		if ok != (w.key != "") || ok && (h.Knob != k || h.Key != w.key || h.PodWide != w.podWide || w.String() != "hint "+h.String()) {
			t.Fatalf("mount %q: %+v is because of hint %+v", d.Mount, w, h)
		}
		if w.String() == "" || !strings.Contains(w.String(), w.key) || w.backend != "" && !strings.Contains(w.String(), strconv.Quote(w.backend)) {
			t.Fatalf("mount %q: %q does not say all of %+v", d.Mount, w, w)
		}
	}
}

// checkSandbox checks the sandbox of a plan in which a directfs mount is
// written, or not.
func checkSandbox(t rapid.TB, p Plan, writes bool) {
	t.Helper()
	var raisedFor []Cause
	for _, d := range p.decisions {
		if d.Access == DirectFS {
			raisedFor = append(raisedFor, Cause{Kind: causeMount, Mount: d.Mount, Writes: !d.ReadOnly})
		}
	}
	own := len(raisedFor)
	if p.container.Scope == PodSandbox && p.container.Flag {
		raisedFor = append(raisedFor, Cause{Kind: causeJoiningFlag, Writes: true})
	}
	var on []Hint
	for _, d := range p.decisions {
		if d.WhyAccess.reason == becauseHintOn && d.WhyAccess.podWide {
			on = append(on, Hint{DirectFSKnob, d.WhyAccess.key, On, true})
		}
	}
	for _, h := range p.unmatched {
		if h.Setting == On {
			on = append(on, h)
		}
	}
	for i, h := range on {
		if p.container.Scope == PodSandbox && !slices.ContainsFunc(on[:i], func(o Hint) bool { return o.Key == h.Key }) {
			raisedFor = append(raisedFor, Cause{Kind: causeJoiningHint, Hint: h, Writes: true})
		}
	}
	want := Sandbox{RaisedFor: raisedFor}
	sentry := []SetName{SentryBase}
	if len(raisedFor) > 0 {
		want.Raised, want.UmaskZero, want.SpecUserNamespace = true, true, true
		want.Capabilities = []string{"CAP_DAC_READ_SEARCH"}
		sentry = []SetName{SentryBase, SentryHostFilesystemRead}
	}
	if writes || len(raisedFor) > own {
		want.WritesHost = true
		want.Capabilities = []string{"CAP_CHOWN", "CAP_DAC_OVERRIDE", "CAP_DAC_READ_SEARCH", "CAP_FOWNER", "CAP_FSETID"}
		sentry = []SetName{SentryBase, SentryHostFilesystem}
	}
	if p.Container().HostNetwork {
		want.SpecUserNamespace = true
	}
	if !reflect.DeepEqual(p.Sandbox(), want) {
		t.Fatalf("sandbox %+v, want %+v", p.Sandbox(), want)
	}
	if !slices.Equal(p.Sentry(), sentry) {
		t.Fatalf("sentry %v, want %v", p.Sentry(), sentry)
	}
}
