package directfspolicy

import (
	"errors"
	"fmt"
	"reflect"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// A gofer that cannot donate never does, and where a hint names one, nothing of
// what is at the mount's source is in the plan.
func propVolumesAreNotTheHost(t *rapid.T) {
	r := drawRequest(t)
	p := mustResolve(t, r)
	for i, d := range p.Decisions() {
		m := r.Rootfs
		if i > 0 {
			m = r.Mounts[i-1]
		}
		n := goferOf(m)
		if n == (GoferName{}) {
			continue
		}
		if d.Access == DirectFS && !answers[n].DonatesRoot {
			t.Fatalf("%v cannot donate: %+v", n, d)
		}
		for _, s := range m.Sources {
			if slices.Contains(d.Sources, s) {
				t.Fatalf("%+v has the source of %+v", d, m)
			}
		}
	}
}

// A volume for which another process answers asks nothing of the gofer, and one
// for which a backend in the gofer answers asks only for what all of these need.
func propOutsideNeedsNothing(t *rapid.T) {
	p := mustResolve(t, drawRequest(t))
	outside := map[string]bool{}
	for _, d := range p.Decisions() {
		if d.Outside != (answers[d.Gofer].Outside && d.ServedByVolume()) {
			t.Fatalf("%+v, and %v answers %+v", d, d.Gofer, answers[d.Gofer])
		}
		if d.Outside && d.Access == LisaFS {
			outside[d.Mount] = true
		}
	}
	for _, g := range p.Grants() {
		for _, c := range g.Causes {
			if outside[c.Mount] && c.Kind == causeMount {
				t.Fatalf("%+v is held for %q, which nobody here serves", g, c.Mount)
			}
		}
	}
	uses := lisafsServers(p)
	for set, want := range map[SetName]bool{GoferVolume: uses["backend"], GoferLisaFS: false, GoferLisaFSRead: p.Container().HostDevices && !p.DonatesDevices()} {
		if got := slices.Contains(p.Gofer(), set); !uses["files"] && got != want {
			t.Fatalf("without a LisaFS mount of files the gofer has %s: %t, want %t", set, got, want)
		}
	}
}

// lisafsServers is what answers for the LisaFS mounts of the plan.
func lisafsServers(p Plan) map[string]bool {
	uses := map[string]bool{}
	for _, d := range p.Decisions() {
		if d.Access == LisaFS {
			uses[servedBy(d)] = true
		}
	}
	return uses
}

// A backend that is not registered is named in no plan.
func propUnknownGoferIsRefused(t *rapid.T) {
	r := drawRequest(t)
	gone := rapid.SampledFrom(registered).Draw(t, "gone")
	r.Backends = slices.DeleteFunc(slices.Clone(registered), func(b string) bool { return b == gone })
	said := says(r, func(h Hint) bool { n, ok := h.GoferName(); return ok && n.Backend == gone })
	p, err := Resolve(r)
	if errors.Is(err, ErrUnknownGofer) != said || (err != nil) != said || said && !reflect.DeepEqual(p, Plan{}) {
		t.Fatalf("%+v without %s: %v", r, gone, err)
	}
}

// What a hint names for one mount changes no other mount's decision, and without
// it the mount is as if there were no such knob.
func propGoferIsLocal(t *rapid.T) {
	r := drawRequest(t)
	for i := -1; i < len(r.Mounts); i++ {
		dropCacheHints(&r, mountAt(r, 1+i).Destination) // a shared volume refuses
	}
	dest, ok := drawTarget(t, r, Backend.served)
	if !ok {
		return
	}
	plain := copyOf(r)
	set := func(m *Mount, at string) {
		if at == dest {
			m.Hints = drop(drop(m.Hints, GoferKnob), DirectFSKnob)
		}
	}
	set(&plain.Rootfs, "/")
	for i := range plain.Mounts {
		set(&plain.Mounts[i], plain.Mounts[i].Destination)
	}
	p, q := mustResolve(t, r), mustResolve(t, plain)
	for i, d := range p.Decisions() {
		if e := q.Decisions()[i]; d.Mount != dest && !reflect.DeepEqual(d, e) {
			t.Fatalf("a gofer for %q changed %+v to %+v", dest, e, d)
		}
		if e := q.Decisions()[i]; d.Mount == dest && e.ServedByVolume() {
			t.Fatalf("%q is served by %v, and no hint says so", dest, e.Gofer)
		}
	}
}

// A hint that gives a source names a gofer for the mounts whose source is that
// word for word. A mount of something in there, or by another name, is refused;
// and of a mount that a gofer serves, the other hints count by name as well.
func propSourceNames(t *rapid.T) {
	names := []string{"/srv", "/srv/a", "/link", "/other"}
	places := map[string]string{"/srv": "/real", "/srv/a": "/real/a", "/link": "/real", "/other": "/elsewhere/else"}
	source := func(name string) Source { return Source{Path: name, Filesystem: "8:1", Within: places[name]} }
	said := rapid.SampledFrom(names).Draw(t, "said of")
	off := rapid.SampledFrom(names).Draw(t, "off for")
	mounted := rapid.SampledFrom(names).Draw(t, "mounted")
	r := Request{
		Container: Container{Flag: true, Scope: PodMember}, Backends: registered, Gofers: answers,
		Mounts: []Mount{{Destination: "/m", Backend: StockGofer, SourceName: mounted, Sources: []Source{source(mounted)}}},
		SourceHints: []SourceHint{
			{Hint: gofer("g", "zip/tree"), Source: source(said), SourceName: said},
			{Hint: hint("o", Off), Source: source(off), SourceName: off},
		},
	}
	p, err := Resolve(r)
	serves := said == mounted
	part := !serves && source(said).Contains(source(mounted))
	if errors.Is(err, ErrPartOfVolume) != part || (err != nil) != part {
		t.Fatalf("a gofer for %s and a mount of %s: %v", said, mounted, err)
	}
	if err != nil {
		return
	}
	d := p.Decisions()[1]
	counts := source(off).Contains(source(mounted))
	if serves {
		counts = off == mounted
	}
	if d.ServedByVolume() != serves || (d.WhyAccess.reason == becauseHintOff) != counts {
		t.Fatalf("a gofer for %s, off for %s, a mount of %s: %+v", said, off, mounted, d)
	}
	if got, want := len(p.Unmatched()), len(slices.DeleteFunc([]bool{serves, counts}, func(b bool) bool { return b })); got != want {
		t.Fatalf("unmatched: %v, want %d", p.Unmatched(), want)
	}
}

var goferProperties = map[string]func(*rapid.T){
	"volumes are not the host": propVolumesAreNotTheHost,
	"outside needs nothing":    propOutsideNeedsNothing,
	"unknown gofer is refused": propUnknownGoferIsRefused,
	"gofer is local":           propGoferIsLocal,
	"sources by name":          propSourceNames,
}

func TestGoferProperties(t *testing.T) {
	for name, prop := range goferProperties {
		t.Run(name, rapid.MakeCheck(prop))
	}
}

func FuzzVolumesAreNotTheHost(f *testing.F)  { f.Fuzz(rapid.MakeFuzz(propVolumesAreNotTheHost)) }
func FuzzOutsideNeedsNothing(f *testing.F)   { f.Fuzz(rapid.MakeFuzz(propOutsideNeedsNothing)) }
func FuzzUnknownGoferIsRefused(f *testing.F) { f.Fuzz(rapid.MakeFuzz(propUnknownGoferIsRefused)) }
func FuzzGoferIsLocal(f *testing.F)          { f.Fuzz(rapid.MakeFuzz(propGoferIsLocal)) }
func FuzzSourceNames(f *testing.F)           { f.Fuzz(rapid.MakeFuzz(propSourceNames)) }

// The properties would pass if no drawn mount had a gofer.
func TestGofersAreReached(t *testing.T) {
	var events []string
	for _, s := range answered(true) {
		events = append(events, string(s))
	}
	seen := count(rapid.Custom(drawRequest), func(r Request, saw func(string, ...any)) {
		for _, d := range mustResolve(t, r).Decisions() {
			if d.ServedByVolume() {
				saw("%v", d.Gofer)
				saw("%v because of %s", d.Access, d.WhyAccess.Reason())
			}
		}
	})
	for _, e := range []string{"directfs because of flag-on", "directfs because of hint-on", "lisafs because of cannot-donate", "lisafs because of hint-off", "lisafs because of flag-off"} {
		events = append(events, fmt.Sprint(e))
	}
	wantEach(t, seen, events)
}

// FuzzGoferName: a value is a name of two parts, neither of which can be a path,
// or it is refused.
func FuzzGoferName(f *testing.F) {
	for _, v := range []string{"blob/models", "default", "", "/run/x.sock", "blob/../x", "s3://b", "blob/a b", "blob/\xff"} {
		f.Add(v)
	}
	f.Fuzz(func(t *testing.T, value string) {
		h, err := ParseHint(GoferKnob, "k", value, "")
		n, ok := h.GoferName()
		if ok == (err != nil || value == "default") {
			t.Fatalf("%q: %+v, %v", value, h, err)
		}
		if !ok {
			return
		}
		for _, part := range []string{n.Backend, n.Volume} {
			if part == "" || part == "." || part == ".." || slices.ContainsFunc([]byte(part), func(c byte) bool { return c <= ' ' || c >= 0x7f || slices.Contains([]byte(`/\:?#%,="'`), c) }) {
				t.Fatalf("%q has the part %q", value, part)
			}
		}
		if n.String() != value {
			t.Fatalf("%q became %q", value, n)
		}
	})
}
