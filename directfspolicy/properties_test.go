package directfspolicy

import (
	"reflect"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// Property 1: the table, for requests larger than those enumerated.
func propTable(t *rapid.T) {
	r := drawRequest(t)
	verdicts := []string{consult(r.Flag, firstHintOnly(r.Rootfs))}
	for _, m := range r.Mounts {
		verdicts = append(verdicts, consult(r.Flag, firstHintOnly(m)))
	}
	checkOracle(t, r, verdicts)
}

func firstHintOnly(m Mount) Mount {
	m = asServed(m)
	m.Hints = slices.DeleteFunc(about(m.Hints, DirectFSKnob), func(h Hint) bool { return h.Setting == Unset })
	return m
}

// Property 2: an off mount is never donated and never has the option.
func propOffIsNeverDonated(t *rapid.T) {
	r := drawRequest(t)
	dest, ok := drawTarget(t, r, Backend.served)
	if !ok {
		return
	}
	p := mustResolve(t, rehint(r, dest, Off))
	d, _ := decisionAt(p, dest)
	if d.Access != LisaFS || d.WhyAccess.reason != becauseHintOff || d.WhyAccess.key != keyOf(dest) {
		t.Fatalf("%q is off and has %+v", dest, d)
	}
	raised := slices.ContainsFunc(p.Sandbox().RaisedFor, func(c Cause) bool { return c.Mount == dest })
	if d.donated() || slices.Contains(p.Donations(), dest) || raised {
		t.Fatalf("%q is off: %+v, donations %v, raised for %v", dest, d, p.Donations(), p.Sandbox().RaisedFor)
	}
}

// Property 3, first half: turning a hint off widens nothing that the sandbox
// process holds. The gofer, which then serves one more mount over LisaFS, may
// get that set, of a read-only mount the part that reads, and for a volume what
// that needs; it may have to serve devices; and it gets nothing else.
func propOffNeverWidens(t *rapid.T) {
	r := drawRequest(t)
	dest, ok := drawTarget(t, r, Backend.served)
	if !ok {
		return
	}
	before, after := mustResolve(t, r), mustResolve(t, rehint(r, dest, Off))
	b, _ := decisionAt(before, dest)
	a, _ := decisionAt(after, dest)
	var serving []SetName
	switch {
	case b.Outside:
	case b.ServedByVolume():
		serving = append(serving, GoferVolume)
	case b.ReadOnly:
		serving = append(serving, GoferLisaFSRead)
	default:
		serving = append(serving, GoferLisaFS)
	}
	if before.DonatesDevices() && !after.DonatesDevices() {
		serving = append(serving, GoferLisaFSRead)
	}
	checkNotWider(t, before, after, serving...)

	// A hint that is ignored widens nothing either.
	if a.WhyAccess.reason != becauseHintOff || b.Access == DirectFS && len(heldBy(before).beyond(heldBy(after))) == 0 {
		t.Fatalf("%q: turning its hint off changed %+v to %+v and took nothing", dest, b, a)
	}
}

// checkNotWider allows the gofer alone to gain something, from the sets.
func checkNotWider(t rapid.TB, before, after Plan, sets ...SetName) {
	t.Helper()
	if wider := heldBy(after).beyond(heldBy(before)); len(wider) > 0 {
		t.Fatalf("off gave the sandbox %v", wider)
	}
	if added := callsOf(after.Gofer()...).Difference(callsOf(before.Gofer()...)); !added.SubsetOf(callsOf(sets...)) {
		t.Fatalf("off gave the gofer %v", added.Difference(callsOf(sets...)))
	}
}

// The same for a hint that is meant for another container of the pod.
func propUnmatchedOffNeverWidens(t *rapid.T) {
	r := drawRequest(t)
	if r.Scope == Standalone {
		return
	}
	r.SourceHints = elsewhere(hint(keyOf("/elsewhere"), rapid.SampledFrom(allHints).Draw(t, "setting")))
	off := copyOf(r)
	off.SourceHints[0].Setting = Off
	before, after := mustResolve(t, r), mustResolve(t, off)
	var serving []SetName
	if before.DonatesDevices() && !after.DonatesDevices() {
		serving = append(serving, GoferLisaFSRead) // it serves them instead
	}
	checkNotWider(t, before, after, serving...)
	if !reflect.DeepEqual(before.Decisions(), after.Decisions()) || !slices.Contains(after.Unmatched(), off.SourceHints[0].Hint) {
		t.Fatalf("turning off %v changed the decisions or went unnoticed: %v", r.SourceHints[0], after.Unmatched())
	}
}

// Property 3, second half: turning a hint on narrows nothing of another mount.
func propOnNeverNarrowsOthers(t *rapid.T) {
	r := drawRequest(t)
	dest, ok := drawTarget(t, r, Backend.canDonate)
	if !ok || hasVirtual(r, dest) {
		return
	}
	before, after := mustResolve(t, r), mustResolve(t, rehint(r, dest, On))
	if lost := heldBy(before).beyond(heldBy(after)); len(lost) > 0 {
		t.Fatalf("on took %v from the sandbox", lost)
	}
	if lost := callsOf(before.Gofer()...).Difference(callsOf(after.Gofer()...)); !lost.SubsetOf(callsOf(GoferLisaFS)) {
		t.Fatalf("on took %v from the gofer", lost)
	}
	for i, d := range before.decisions {
		if d.Mount != dest && !reflect.DeepEqual(d, after.decisions[i]) {
			t.Fatalf("on for %q changed %+v to %+v", dest, d, after.decisions[i])
		}
	}
	if d, _ := decisionAt(after, dest); d.Access != DirectFS || d.WhyAccess.reason != becauseHintOn {
		t.Fatalf("%q is on and has %+v", dest, d)
	}
}

func hasVirtual(r Request, dest string) bool {
	return slices.ContainsFunc(r.Mounts, func(m Mount) bool { return m.Destination == dest && asServed(m).Backend == VirtualGofer })
}

// Property 4: a standalone container without a directfs mount gives its
// sandbox nothing.
func propNoDirectFSGrantsNothing(t *rapid.T) {
	r := drawRequest(t)
	r.Scope, r.SourceHints = Standalone, nil
	for _, m := range append([]Mount{r.Rootfs}, r.Mounts...) {
		dest := m.Destination
		if dest == "" {
			dest = "/"
		}
		r = rehint(r, dest, Off)
	}
	p := mustResolve(t, r)
	nothing := heldBy(Plan{})
	if r.HostNetwork {
		nothing["the spec's user namespace"] = true
	}
	if len(p.Donations()) > 0 || !reflect.DeepEqual(heldBy(p), nothing) || len(p.Sandbox().RaisedFor) > 0 {
		t.Fatalf("without directfs the sandbox holds %v beyond the base", heldBy(p).beyond(nothing))
	}
}

// Properties 6, 7 and 9, with all else that is derived.
func propInvariants(t *rapid.T) {
	p := mustResolve(t, drawRequest(t))
	if p.decisions[0].Mount != "/" {
		t.Fatalf("the first decision is for %q", p.decisions[0].Mount)
	}
	checkInvariants(t, p)
}

func TestProperties(t *testing.T) {
	for name, prop := range map[string]func(*rapid.T){
		"1 table":                      propTable,
		"2 off is never donated":       propOffIsNeverDonated,
		"3 off never widens":           propOffNeverWidens,
		"3 unmatched off never widens": propUnmatchedOffNeverWidens,
		"3 on never narrows others":    propOnNeverNarrowsOthers,
		"4 no directfs, no grant":      propNoDirectFSGrantsNothing,
		"5 decision is local":          propDecisionIsLocal,
		"5 permutation":                propPermutation,
		"6, 7, 9 invariants":           propInvariants,
		"8 pure":                       propPure,
		"admit":                        propAdmit,
		"pod hints are kept":           propPodHintsAreKept,
		"8 round trip":                 propRoundTrip,
		"8 tampering":                  propTampering,
		"faults refuse":                propFaultsRefuse,
	} {
		t.Run(name, rapid.MakeCheck(prop))
	}
}
