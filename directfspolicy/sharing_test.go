package directfspolicy

import (
	"errors"
	"fmt"
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
