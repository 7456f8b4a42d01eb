package directfspolicy

import (
	"errors"
	"reflect"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// ceilingOracle spells out whether a hint counts: under each ceiling, for
// --directfs=false and true.
var ceilingOracle = map[Ceiling]map[Setting][2]bool{
	AllHints:    {Default: {true, true}, On: {true, true}, Off: {true, true}, Shared: {true, true}, Exclusive: {true, true}},
	NarrowHints: {Default: {true, true}, On: {false, true}, Off: {true, true}, Shared: {true, true}, Exclusive: {true, true}},
	NoHints:     {Default: {false, false}, On: {false, false}, Off: {false, false}, Shared: {false, false}, Exclusive: {false, false}},
}

func TestCeiling(t *testing.T) {
	for c, settings := range ceilingOracle {
		for s, counts := range settings {
			h := hint("k", s)
			if s == Shared || s == Exclusive {
				h = cached("k", s)
			}
			for i, flag := range allFlags {
				m := Mount{Destination: "/d", Backend: StockGofer, Sources: src("/s")}
				own := m
				own.Hints = []Hint{h}
				base := Request{Container: Container{Flag: flag, Ceiling: c, Scope: PodSandbox}, Rootfs: Mount{Backend: StockGofer}}
				for name, change := range map[string]func(*Request){
					"mount option":     func(r *Request) { r.Mounts = []Mount{own} },
					"source":           func(r *Request) { r.Mounts, r.SourceHints = []Mount{m}, []SourceHint{{Hint: h, Source: m.Sources[0]}} },
					"unmatched source": func(r *Request) { r.SourceHints = elsewhere(h) },
					"rootfs":           func(r *Request) { r.Rootfs.Hints = []Hint{h} },
				} {
					r := base
					change(&r)
					_, err := Resolve(r)
					if (err == nil) != counts[i] || err != nil && !errors.Is(err, ErrCeiling) {
						t.Errorf("--directfs-hints=%v --directfs=%t, %s %v: %v", c, flag, name, h, err)
					}
				}
			}
		}
	}
}

func TestCeilingRefusals(t *testing.T) {
	on := []Mount{{Destination: "/d", Backend: StockGofer, Hints: []Hint{hint("k", On)}}}
	for want, r := range map[string]Request{
		`k="on" (mount "/d"): not permitted by --directfs-hints; allowed: off, false, default; --directfs-hints=narrow lets a hint only take directfs away, and --directfs=false does not grant it: remove the hint, or ask the operator`: {Container: Container{Ceiling: NarrowHints}, Mounts: on},
		`k="on" (mount "/d"): not permitted by --directfs-hints; --directfs-hints=none refuses every hint: remove it, or ask the operator`:                                                                                                {Container: Container{Ceiling: NoHints, Flag: true}, Mounts: on},
		`l="shared": not permitted by --directfs-hints; --directfs-hints=none refuses every hint: remove it, or ask the operator`:                                                                                                         {Container: Container{Ceiling: NoHints, Scope: PodMember}, SourceHints: elsewhere(cached("l", Shared))},
	} {
		if _, err := Resolve(r); err == nil || err.Error() != want {
			t.Errorf("got  %v\nwant %s", err, want)
		}
	}
}

// withoutHints is the request as if nobody had said anything.
func withoutHints(r Request) Request {
	r = copyOf(r)
	r.Rootfs.Hints, r.SourceHints = nil, nil
	for i := range r.Mounts {
		r.Mounts[i].Hints = nil
	}
	return r
}

// says reports whether any hint of the request, matched or not, is such.
func says(r Request, such func(Hint) bool) bool {
	for _, m := range append([]Mount{r.Rootfs}, r.Mounts...) {
		if slices.ContainsFunc(m.Hints, such) {
			return true
		}
	}
	return slices.ContainsFunc(r.SourceHints, func(h SourceHint) bool { return such(h.Hint) })
}

// Property 12: under the ceiling narrow, no hint gives the sandbox anything that
// the same request without hints would not have, and every hint that does not
// ask for more counts.
func propNarrowNeverWidens(t *rapid.T) {
	r := drawRequest(t)
	r.Ceiling = NarrowHints
	asksForMore := !r.Flag && says(r, func(h Hint) bool { return h.Setting == On })
	for _, m := range append([]Mount{r.Rootfs}, r.Mounts...) {
		asksForMore = asksForMore || r.Flag && answers[goferOf(m)].DonatesRoot && !m.Backend.canDonate()
	}
	p, err := Resolve(r)
	if errors.Is(err, ErrCeiling) != asksForMore || (err != nil) != asksForMore {
		t.Fatalf("%+v: error %v, asks for more: %t", r, err, asksForMore)
	}
	if err != nil {
		return
	}
	plain := mustResolve(t, withoutHints(r))
	if wider := heldBy(p).beyond(heldBy(plain)); len(wider) > 0 {
		t.Fatalf("%+v: hints gave the sandbox %v", r, wider)
	}
	wide := r
	wide.Ceiling = AllHints
	if q := mustResolve(t, wide); !reflect.DeepEqual(p.Decisions(), q.Decisions()) {
		t.Fatalf("narrow changed %v to %v", q, p)
	}
}

// Under the ceiling none, a request is the one without hints, or is refused.
func propNoHintCounts(t *rapid.T) {
	r := drawRequest(t)
	if rapid.Bool().Draw(t, "silent") {
		r = withoutHints(r)
	}
	r.Ceiling = NoHints
	said := says(r, func(h Hint) bool { return h.Setting != Unset })
	p, err := Resolve(r)
	if errors.Is(err, ErrCeiling) != said || (err != nil) != said {
		t.Fatalf("%+v: error %v, hints: %t", r, err, said)
	}
	if err == nil && !reflect.DeepEqual(p, mustResolve(t, withoutHints(r))) {
		t.Fatalf("%+v: hints changed something", r)
	}
}

func TestCeilingProperties(t *testing.T) {
	t.Run("12 narrow never widens", rapid.MakeCheck(propNarrowNeverWidens))
	t.Run("12 none counts no hint", rapid.MakeCheck(propNoHintCounts))
}

// The property would pass if nothing were ever accepted, or if no hint took
// anything.
func TestNarrowReaches(t *testing.T) {
	seen := count(rapid.Custom(drawRequest), func(r Request, saw func(string, ...any)) {
		r.Ceiling = NarrowHints
		p, err := Resolve(r)
		if err != nil {
			saw("refused")
			return
		}
		saw("accepted, flag %t", r.Flag)
		if len(heldBy(mustResolve(t, withoutHints(r))).beyond(heldBy(p))) > 0 {
			saw("takes something")
		}
		if says(r, func(h Hint) bool { return h.Setting == On }) {
			saw("on where the flag grants it")
		}
	})
	wantEach(t, seen, []string{"refused", "accepted, flag false", "accepted, flag true", "takes something", "on where the flag grants it"})
}

func FuzzNarrowNeverWidens(f *testing.F) { f.Fuzz(rapid.MakeFuzz(propNarrowNeverWidens)) }
func FuzzNoHintCounts(f *testing.F)      { f.Fuzz(rapid.MakeFuzz(propNoHintCounts)) }
