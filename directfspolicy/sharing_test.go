package directfspolicy

import (
	"errors"
	"fmt"
	"strings"
	"testing"
)

// Each line is mounts "SOURCE", "SOURCE!" for an exclusive one, "SOURCE-" for
// one that is only read, at /0, /1 and so on, or at the destination after "@".
var sharing = []struct {
	mounts  []string
	refused bool
}{
	{[]string{"/s!", "/s"}, true},
	{[]string{"/s", "/s!"}, true},
	{[]string{"/s!", "/s!"}, true},
	{[]string{"/s!", "/s-"}, false},
	{[]string{"/s!-", "/s"}, true},
	{[]string{"/s!-", "/s!-"}, false},
	{[]string{"/s/a/b!", "/s"}, true},
	{[]string{"/s!", "/s/a/b"}, true},
	{[]string{"/s!", "/sa", "/", ""}, true},
	{[]string{"/s!", "/sa", "/t", ""}, false},
	{[]string{"/!", "/s"}, true},
	{[]string{"bucket!", "bucket/a"}, true},
	{[]string{"bucket!", "a"}, false},

	// Among several, it is another one that counts, wherever it stands.
	{[]string{"/s/a@/x", "/s/a!@/y", "/s/a-@/z"}, true},
	{[]string{"/s!@/x", "/s!@/x"}, false},
	{[]string{"/s!@/x", "/s!@/x", "/s@/y"}, true},
	{[]string{"/s/a!@/x", "/s/a!@/x", "/s/b@/y", "/s@/z"}, true},
	{[]string{"/s/a@/x", "/s/b@/x", "/s/c@/y", "/s!@/x"}, true},
	{[]string{"/s/a@/x", "/s/b@/x", "/s!@/x"}, false},
}

func sharingMounts(lines []string) []Decision {
	var ds []Decision
	for i, line := range lines {
		source := ""
		d := Decision{Mount: fmt.Sprintf("/%d", i), Access: LisaFS}
		for j, c := range line {
			switch c {
			case '!':
				d.Cache, d.WhyCache = CacheExclusive, Why{reason: becauseHintExclusive, key: "k"}
			case '-':
				d.ReadOnly = true
			case '@':
				d.Mount = line[j+1:]
			}
			if c == '@' {
				break
			}
			if c != '!' && c != '-' {
				source += string(c)
			}
		}
		d.Sources = src(source)
		ds = append(ds, d)
	}
	return ds
}

func TestSharing(t *testing.T) {
	for _, tt := range sharing {
		ds := sharingMounts(tt.mounts)
		err := checkPromises(ds, func(Why) bool { return false })
		if errors.Is(err, ErrNotExclusive) != tt.refused || (err == nil) == tt.refused {
			t.Errorf("%q: %v", tt.mounts, err)
		}
	}
}

// In different containers a destination says nothing.
func TestCoexistAtOneDestination(t *testing.T) {
	one := Plan{decisions: sharingMounts([]string{"/s!@/x"})}
	for source, refused := range map[string]bool{"/s@/x": true, "/s-@/x": false, "/t@/x": false} {
		other := Plan{decisions: sharingMounts([]string{source})}
		if err := one.Coexist("one", other, "other"); (err != nil) != refused {
			t.Errorf("%s: %v", source, err)
		}
		if err := other.Coexist("other", one, "one"); (err != nil) != refused {
			t.Errorf("%s first: %v", source, err)
		}
	}
}

// Which mount a warning names does not depend on the order of the mounts.
func TestWarningHasNoOrder(t *testing.T) {
	mount := func(dest string, s Setting) Mount {
		m := hinted(dest, StockGofer, s)
		m.Sources = src("/s")
		return m
	}
	ms := []Mount{mount("/a", On), mount("/b", On), mount("/c", On), mount("/off", Off)}
	const want = `mount "/off" is off, but files of it are in mount "/a" (/s) too, which uses directfs`
	for range len(ms) {
		ms = append(ms[1:], ms[0])
		for _, r := range []Request{{Mounts: ms}, {Mounts: []Mount{ms[3], ms[2], ms[1], ms[0]}}} {
			if w := mustResolve(t, r).Warnings(); len(w) != 1 || w[0].String() != want {
				t.Errorf("%q, want %q", w, want)
			}
		}
	}
}

// Neither does which source of two mounts at one destination.
func TestWarningOfTwinsHasNoOrder(t *testing.T) {
	mount := func(dest, source string, s Setting) Mount {
		m := hinted(dest, StockGofer, s)
		m.Sources = src(source)
		return m
	}
	off, one, other := mount("/a", "/s", Off), mount("/b", "/s/a", On), mount("/b", "/s/a/b", On)
	first, second := mustResolve(t, Request{Mounts: []Mount{off, one, other}}), mustResolve(t, Request{Mounts: []Mount{other, one, off}})
	if a, b := texts(first.Warnings()), texts(second.Warnings()); len(a) != 1 || a[0] != b[0] {
		t.Errorf("%q, in another order %q", a, b)
	}
}

// shares is a plan whose mounts have one source and promise, by one hint, that
// nobody else writes to it.
func shares(scope Scope, destinations ...string) Plan {
	p := Plan{container: Container{Flag: true, Scope: scope}}
	for _, d := range destinations {
		p.decisions = append(p.decisions, Decision{
			Mount: d, Access: LisaFS, Sources: src("/s"),
			Cache: CacheExclusive, WhyCache: Why{reason: becauseHintExclusive, key: "k", podWide: true},
		})
	}
	return p
}

// What two mounts break together, each being the other's writer, is said once.
func TestMutualPromisesAreReportedOnce(t *testing.T) {
	one, two := shares(PodSandbox, "/a"), shares(PodMember, "/b")
	if all := Findings(one.Coexist("one", two, "two")); len(all) != 1 {
		t.Errorf("two containers: %q", all)
	}
	both := func(Why) bool { return true }
	ds := shares(PodSandbox, "/a", "/b").decisions
	var broken *SharingError
	err := checkPromises(ds, both)
	if !errors.As(err, &broken) || len(Findings(err)) != 1 || broken.Mount != "/a" || broken.Writer != "/b" {
		t.Errorf("two mounts: %v", err)
	}
	// What comes after them is looked at too.
	more := append(shares(PodSandbox, "/a", "/b").decisions, sharingMounts([]string{"/t!@/c", "/t@/d"})...)
	if all := Findings(checkPromises(more, both)); len(all) != 2 {
		t.Errorf("two mounts, and two others: %q", all)
	}
	// Reasons that are not for both make it two findings.
	if all := Findings(checkPromises(ds, func(Why) bool { return false })); len(all) != 2 {
		t.Errorf("two mounts with reasons of their own: %q", all)
	}
	// Another promise that is broken beside it is another finding.
	two.decisions = append(two.decisions, Decision{Mount: "/t", Access: LisaFS, Sources: src("/t"), Cache: CacheExclusive, WhyCache: Why{reason: becauseHintExclusive, key: "t"}})
	one.decisions = append(one.decisions, Decision{Mount: "/t", Access: LisaFS, Sources: src("/t")})
	if all := Findings(one.Coexist("one", two, "two")); len(all) != 2 {
		t.Errorf("two promises: %q", all)
	}
	// One that only reads breaks no promise, and is told of the one that does.
	reader := shares(PodMember, "/r")
	reader.decisions[0].ReadOnly = true
	writer := shares(PodSandbox, "/w")
	for name, err := range map[string]error{"first": reader.Coexist("r", writer, "w"), "second": writer.Coexist("w", reader, "r")} {
		if !errors.As(err, &broken) || len(Findings(err)) != 1 || broken.Mount != "/r" {
			t.Errorf("the reader is %s: %v", name, err)
		}
	}
	ds[1].ReadOnly = true
	if all := Findings(checkPromises(ds, both)); len(all) != 1 || !strings.Contains(all[0].Error(), `"/b"`) {
		t.Errorf("a writer and a reader: %q", all)
	}
}

// Which mounts are kept under a key depends on their names alone.
func TestNoteHasNoOrder(t *testing.T) {
	mounts := sharingMounts([]string{"/s@/a", "/t@/a", "/s@/b", "/s@/c"})
	var all []sharer
	for i := range mounts {
		all = append(all, sharer{&mounts[i], mounts[i].Sources[0]})
	}
	for range permutations(all) {
		m := map[place][2]sharer{}
		for _, h := range all {
			note(m, place{}, h)
		}
		pair := m[place{}]
		if pair[0].d.Mount != "/a" || pair[0].source.Path != "/s" || pair[1].d.Mount != "/b" {
			t.Errorf("%v: %s (%s) and %s", all, pair[0].d.Mount, pair[0].source, pair[1].d.Mount)
		}
	}
}

// permutations puts the elements into every order, in turn.
func permutations[T any](all []T) func(yield func() bool) {
	return func(yield func() bool) {
		var permute func(n int) bool
		permute = func(n int) bool {
			if n == 0 {
				return yield()
			}
			for i := range n {
				all[i], all[n-1] = all[n-1], all[i]
				if !permute(n - 1) {
					return false
				}
				all[i], all[n-1] = all[n-1], all[i]
			}
			return true
		}
		permute(len(all))
	}
}

// A file system without a path in it, or the other way round, is no name.
func TestHalfANameIsNone(t *testing.T) {
	for _, s := range []Source{{Path: "/s", Filesystem: "8:1"}, {Path: "/s", Within: "/"}, {Path: "/s", Device: 1}} {
		if _, n := s.places(); n != 1 {
			t.Errorf("%+v has %d names", s, n)
		}
	}
}
