package directfspolicy

import (
	"errors"
	"fmt"
	"testing"

	"pgregory.net/rapid"
)

const draws = 2000

// count draws with fixed seeds, so that what is reached is the same each time.
func count[V any](g *rapid.Generator[V], note func(V, func(string, ...any))) map[string]int {
	seen := map[string]int{}
	for seed := range draws {
		note(g.Example(seed), func(format string, args ...any) { seen[fmt.Sprintf(format, args...)]++ })
	}
	return seen
}

// wantEach fails for each event that was seen less often than in one draw of
// two hundred: a property that hardly meets a case does not test it.
func wantEach(t *testing.T, seen map[string]int, events []string) {
	t.Helper()
	for _, e := range events {
		if seen[e] < draws/200 {
			t.Errorf("%q was seen %d times in %d draws", e, seen[e], draws)
		}
	}
}

func TestGeneratorReachesEveryPlan(t *testing.T) {
	var events []string
	for r := range impliedAccess {
		events = append(events, "reason "+r.String())
	}
	events = append(events, "reason default-gofer", "reason hint-gofer")
	for _, s := range allScopes {
		for _, b := range []bool{false, true} {
			events = append(events, fmt.Sprintf("%v raised %t", s, b), fmt.Sprintf("%v flag %t", s, b), fmt.Sprintf("%v network %t", s, b))
		}
	}
	for _, b := range allServers {
		for _, s := range hintsFor(b) {
			events = append(events, fmt.Sprintf("%v said %v", b, s))
		}
	}
	events = append(events, "pod raised for a hint alone", "devices donated", "devices by RPC", "no mounts", "many mounts", "twins",
		"raised, writes true", "raised, writes false", string(GoferLisaFS), string(GoferLisaFSRead), string(GoferVolume), "only a volume outside", "a directory from outside",
		string(GoferDirectFSFallback), string(GoferDirectFSFallbackRead), "gofer with both sets", "gofer with neither set", "unmatched ", "unmatched default", "unmatched on", "unmatched off")

	seen := count(rapid.Custom(drawRequest), func(r Request, saw func(string, ...any)) {
		p := mustResolve(t, r)
		for _, d := range p.Decisions() {
			saw("reason %v", d.WhyAccess.reason)
			saw("reason %v", d.WhyCache.reason)
			saw("reason %v", d.WhyGofer.reason)
			if d.Outside && d.Access == DirectFS {
				saw("a directory from outside")
			}
		}
		saw("%v raised %t", r.Scope, p.Sandbox().Raised)
		saw("%v flag %t", r.Scope, r.Flag)
		if p.Sandbox().Raised {
			saw("raised, writes %t", p.Sandbox().WritesHost)
		}
		for _, n := range p.Gofer() {
			saw("%s", n)
		}
		saw("%v network %t", r.Scope, r.HostNetwork)
		if r.Scope == PodSandbox && !r.Flag && len(p.Donations()) == 0 && p.Sandbox().Raised {
			saw("pod raised for a hint alone")
		}
		if uses := lisafsServers(p); uses["outside"] && len(uses) == 1 {
			saw("only a volume outside")
		}
		switch {
		case p.DonatesDevices():
			saw("devices donated")
		case p.Container().HostDevices:
			saw("devices by RPC")
		}
		switch {
		case len(r.Mounts) == 0:
			saw("no mounts")
		case len(r.Mounts) > 3:
			saw("many mounts")
		}
		switch len(p.Gofer()) {
		case 1:
			saw("gofer with neither set")
		case 3:
			saw("gofer with both sets")
		}
		for _, h := range r.SourceHints {
			if h.Knob == DirectFSKnob {
				saw("unmatched %v", h.Setting)
			}
		}
		noteMounts(r, saw)
	})
	wantEach(t, seen, events)
}

func noteMounts(r Request, saw func(string, ...any)) {
	at := map[string]bool{}
	for _, m := range r.Mounts {
		m = asServed(m)
		if at[m.Destination] && m.Backend.served() {
			saw("twins")
		}
		at[m.Destination] = true
		s := Unset
		for _, h := range m.Hints {
			if h.Knob == DirectFSKnob && h.Setting != Unset {
				s = h.Setting
			}
		}
		saw("%v said %v", m.Backend, s)
	}
}

// Each fault is planted, and each sentinel of Resolve is met, also where the
// request is otherwise drawn freely.
func TestGeneratorReachesEveryRefusal(t *testing.T) {
	sentinels := []error{ErrInvalidValue, ErrConflict, ErrNoMount, ErrCannotDonate, ErrNotGoferMount, ErrInvalidRequest, ErrUnknownGofer, ErrReadOnlyVolume, ErrPartOfVolume}
	events := []string{"accepted"}
	for _, e := range sentinels {
		events = append(events, e.Error())
	}
	seen := count(rapid.Custom(drawAnyRequest), func(r Request, saw func(string, ...any)) {
		_, err := Resolve(r)
		if err == nil {
			saw("accepted")
		}
		for _, e := range sentinels {
			if errors.Is(err, e) {
				saw("%v", e)
			}
		}
	})
	wantEach(t, seen, events)
	for _, f := range faults {
		var r Request
		f.plant(&r)
		if _, err := Resolve(r); !errors.Is(err, f.err) {
			t.Errorf("%s: error %v, want %v", f.name, err, f.err)
		}
	}
}

// The monotonicity properties would pass if a hint were ignored, or if no
// drawn request had anything to take away. Count what turning off takes.
func TestTurningOffTakes(t *testing.T) {
	seen := count(rapid.Custom(drawRequest), func(r Request, saw func(string, ...any)) {
		before := mustResolve(t, r)
		for _, d := range before.Decisions() {
			if d.Access != DirectFS {
				continue
			}
			after := mustResolve(t, rehint(r, d.Mount, Off))
			for _, what := range heldBy(before).beyond(heldBy(after)) {
				saw("%s", what)
			}
			for _, n := range addedSets(after.Gofer(), before.Gofer()) {
				saw("gofer gets %s", n)
			}
			for _, n := range addedSets(before.Gofer(), after.Gofer()) {
				saw("gofer loses %s", n)
			}
		}
	})
	wantEach(t, seen, []string{
		"FD of /", "FD of /a", "raised", "umask 0", "the spec's user namespace", "call openat", "CAP_CHOWN",
		"CAP_DAC_OVERRIDE", "CAP_DAC_READ_SEARCH", "CAP_FOWNER", "CAP_FSETID",
		"writes the host",
		"gofer gets gofer-lisafs", "gofer gets gofer-lisafs-read", "gofer gets gofer-volume", "gofer loses gofer-directfs-fallback",
	})
}
