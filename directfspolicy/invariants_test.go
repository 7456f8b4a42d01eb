package directfspolicy

import (
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"

	"pgregory.net/rapid"
)

// checkInvariants checks what holds for every plan, resolved or decoded.
func checkInvariants(t rapid.TB, p Plan) {
	t.Helper()
	var donations []string
	uses, writes := map[Access]bool{}, map[Access]bool{}
	for _, d := range p.Decisions {
		uses[d.Access] = true
		writes[d.Access] = writes[d.Access] || !d.ReadOnly
		checkDecision(t, d)
		if d.Access == DirectFS {
			donations = append(donations, d.Mount)
		}
	}
	if !slices.Equal(p.Donations, donations) {
		t.Fatalf("donations %v, want %v", p.Donations, donations)
	}
	for set, want := range map[SetName]bool{
		GoferBase:                 true,
		GoferLisaFS:               writes[LisaFS],
		GoferLisaFSRead:           uses[LisaFS] && !writes[LisaFS],
		GoferDirectFSFallback:     writes[DirectFS],
		GoferDirectFSFallbackRead: uses[DirectFS] && !writes[DirectFS],
		SentryBase:                false,
	} {
		if got := slices.Contains(p.Gofer, set); got != want {
			t.Fatalf("gofer has %s: %t, want %t", set, got, want)
		}
	}
	for _, a := range []Access{LisaFS, DirectFS, NoAccess} {
		if p.Uses(a) != uses[a] {
			t.Fatalf("Uses(%v) = %t", a, p.Uses(a))
		}
	}
	checkSandbox(t, p, writes[DirectFS])
	if want := remarks(p); !slices.Equal(p.Diagnostics, want) {
		t.Fatalf("remarks %q, want %q", p.Diagnostics, want)
	}
}

// remarks are what a plan should say.
func remarks(p Plan) []string {
	out := []string{}
	for _, h := range p.Unmatched {
		out = append(out, fmt.Sprintf("hint %s=%v matches no mount of this container", h.Key, h.Setting))
	}
	for _, h := range p.UnmatchedCache {
		out = append(out, fmt.Sprintf("hint %s=%v matches no mount of this container", h.Key, h.Setting))
	}
	for _, d := range p.Decisions {
		if d.Cache == CacheExclusive && d.CacheReason == CacheByHint {
			and := map[bool]string{true: "", false: ", and can overwrite it"}[d.ReadOnly]
			out = append(out, fmt.Sprintf("mount %q has an exclusive cache: the container sees late or never what anybody else writes there%s", d.Mount, and))
		}
	}
	for _, d := range p.Decisions {
		if o := firstAround(p.Decisions, d); d.Reason == BecauseHintOff && o != nil {
			out = append(out, fmt.Sprintf("mount %q is off, but its files (%s) are in mount %q (%s) too, which uses directfs", d.Mount, d.Source, o.Mount, o.Source))
		}
	}
	return out
}

// firstAround finds the directfs mount that is nearest above d's files, the
// first by name of several.
func firstAround(ds []Decision, d Decision) *Decision {
	var found *Decision
	for i, o := range ds {
		if o.Access == DirectFS && o.Mount != d.Mount && inside(d.Source, o.Source) && (found == nil || len(o.Source) > len(found.Source) || len(o.Source) == len(found.Source) && o.Mount < found.Mount) {
			found = &ds[i]
		}
	}
	return found
}

// impliedAccess is property 9: the reason alone implies the access.
var impliedAccess = map[Reason]Access{
	BecauseFlagOff:      LisaFS,
	BecauseFlagOn:       DirectFS,
	BecauseHintOff:      LisaFS,
	BecauseHintOn:       DirectFS,
	BecauseCannotDonate: LisaFS,
	BecauseNotGofer:     NoAccess,
}

func checkDecision(t rapid.TB, d Decision) {
	t.Helper()
	if want, ok := impliedAccess[d.Reason]; !ok || d.Access != want || d.Reason.Access() != want {
		t.Fatalf("mount %q has %v because %v", d.Mount, d.Access, d.Reason)
	}
	var options []string
	switch d.Access {
	case DirectFS:
		options = []string{"directfs", "cache=" + d.Cache.String()}
	case LisaFS:
		options = []string{"cache=" + d.Cache.String()}
	}
	if d.Donated != (d.Access == DirectFS) || !slices.Equal(d.Options, options) {
		t.Fatalf("mount %q with %v is donated: %t, has options %v", d.Mount, d.Access, d.Donated, d.Options)
	}
	if hint := d.CacheReason == CacheByHint; hint != (d.CacheDetail != "") || hint != strings.HasPrefix(d.WhyCache(), "hint "+d.CacheDetail) {
		t.Fatalf("mount %q: cache reason %v with detail %q is %q", d.Mount, d.CacheReason, d.CacheDetail, d.WhyCache())
	}
	if d.Why() == "" || !strings.Contains(d.Why(), d.Detail) {
		t.Fatalf("mount %q: %q does not say %q", d.Mount, d.Why(), d.Detail)
	}
}

// checkSandbox checks the sandbox of a plan in which a directfs mount is
// written, or not.
func checkSandbox(t rapid.TB, p Plan, writes bool) {
	t.Helper()
	raisedFor := slices.Clone(p.Donations)
	if p.Scope == PodSandbox && p.Flag {
		raisedFor = append(raisedFor, "containers that may join (--directfs=true)")
	}
	var on []string
	for _, d := range p.Decisions {
		if d.Reason == BecauseHintOn && strings.HasPrefix(d.Detail, "dev.gvisor.spec.") {
			on = append(on, d.Detail)
		}
	}
	for _, h := range p.Unmatched {
		if h.Setting == On {
			on = append(on, h.Key)
		}
	}
	for i, key := range on {
		if p.Scope == PodSandbox && !slices.Contains(on[:i], key) {
			raisedFor = append(raisedFor, "containers that may join ("+key+"=on)")
		}
	}
	want := Sandbox{RaisedFor: raisedFor, Capabilities: []string{}}
	sentry := []SetName{SentryBase}
	if len(raisedFor) > 0 {
		want.Raised, want.UmaskZero, want.UserNamespace = true, true, SpecUserNamespace
		want.Capabilities = []string{"CAP_DAC_READ_SEARCH"}
		sentry = []SetName{SentryBase, SentryHostFilesystemRead}
	}
	if writes || len(raisedFor) > len(p.Donations) {
		want.WritesHost = true
		want.Capabilities = []string{"CAP_CHOWN", "CAP_DAC_OVERRIDE", "CAP_DAC_READ_SEARCH", "CAP_FOWNER", "CAP_FSETID"}
		sentry = []SetName{SentryBase, SentryHostFilesystem}
	}
	if p.HostNetwork {
		want.UserNamespace = SpecUserNamespace
	}
	if !reflect.DeepEqual(p.Sandbox, want) {
		t.Fatalf("sandbox %+v, want %+v", p.Sandbox, want)
	}
	if !slices.Equal(p.Sentry, sentry) {
		t.Fatalf("sentry %v, want %v", p.Sentry, sentry)
	}
}

// held is everything that the sandbox process holds because of a plan.
type held map[string]bool

func heldBy(p Plan) held {
	h := held{}
	for _, c := range p.Sandbox.Capabilities {
		h[c] = true
	}
	for _, c := range Calls(p.Sentry...).Names() {
		h["call "+c] = true
	}
	for _, m := range p.Donations {
		h["FD of "+m] = true
	}
	h["raised"] = p.Sandbox.Raised
	h["writes the host"] = p.Sandbox.WritesHost
	h["umask 0"] = p.Sandbox.UmaskZero
	h["the spec's user namespace"] = p.Sandbox.UserNamespace == SpecUserNamespace
	maps.DeleteFunc(h, func(_ string, has bool) bool { return !has })
	return h
}

// beyond lists what h has and o has not.
func (h held) beyond(o held) []string {
	var out []string
	for k := range h {
		if !o[k] {
			out = append(out, k)
		}
	}
	slices.Sort(out)
	return out
}

// addedSets lists the sets of a that are not in b.
func addedSets(a, b []SetName) []SetName {
	return slices.DeleteFunc(slices.Clone(a), func(n SetName) bool { return slices.Contains(b, n) })
}
