package directfspolicy

import (
	"fmt"
	"maps"
	"slices"
	"testing"
)

// hintWords is what users may write about the access.
var hintWords = map[string]Setting{"on": On, "true": On, "off": Off, "false": Off, "default": Default}

func TestAllowed(t *testing.T) {
	want := map[Knob]map[string]Setting{
		DirectFSKnob: hintWords,
		CacheKnob:    {"shared": Shared, "exclusive": Exclusive, "default": Default},
		GoferKnob:    {"<BACKEND>/<VOLUME>": "", "default": Default},
	}
	if !slices.Equal(slices.Sorted(maps.Keys(want)), slices.Sorted(slices.Values(Knobs()))) {
		t.Errorf("knobs %v", Knobs())
	}
	for k, words := range want {
		if !slices.Equal(slices.Sorted(maps.Keys(words)), slices.Sorted(slices.Values(k.Allowed()))) {
			t.Errorf("%s: allowed %v", k, k.Allowed())
		}
		for word, want := range words {
			if want == "" {
				continue // a form, and no word
			}
			if h, err := ParseHint(k, "k", word, "/m"); err != nil || h != (Hint{Knob: k, Key: "k", Setting: want}) {
				t.Errorf("%s=%s: %+v, %v", k, word, h, err)
			}
		}
	}
	if Knob("colour").Allowed() != nil {
		t.Error("an unknown knob allows something")
	}
	DirectFSKnob.Allowed()[0] = "of"
	if DirectFSKnob.Allowed()[0] != "on" {
		t.Error("the allowed words can be changed from outside")
	}
}

// testWords checks the words of an enumeration whose values count from 0, and
// that no other word or value is known.
func testWords[T interface {
	~uint8
	fmt.Stringer
}](t *testing.T, e enum[T], kind, want string, words ...string) {
	t.Helper()
	for i, w := range words {
		if v := T(i); v.String() != w || !e.knows(v) {
			t.Errorf("%s %d: %q", kind, i, v)
		}
		if back, err := e.parse(w); err != nil || back != T(i) {
			t.Errorf("%s %q: %d, %v", kind, w, back, err)
		}
	}
	first := T(len(words))
	unknown := fmt.Sprintf("unknown %s %d", kind, len(words))
	if first.String() != unknown || e.knows(first) {
		t.Errorf("%s %d: %q", kind, len(words), first)
	}
	for _, w := range []string{"", " " + words[0], words[0] + "x", "LisaFS", unknown} {
		v, err := e.parse(w)
		if wantErr := fmt.Sprintf("unknown %s %q, want %s", kind, w, want); err == nil || err.Error() != wantErr || v != 0 {
			t.Errorf("%s %q: %d, error %v, want %s", kind, w, v, err, wantErr)
		}
	}
}

func TestWords(t *testing.T) {
	testWords(t, accessNames, "access", "lisafs, directfs, none", "lisafs", "directfs", "none")
	testWords(t, cacheNames, "cache mode", "shared, exclusive", "shared", "exclusive")
	testWords(t, ceilingNames, "--directfs-hints", "all, narrow, none", "all", "narrow", "none")
	testWords(t, scopeNames, "scope", "standalone, pod-sandbox, pod-member", "standalone", "pod-sandbox", "pod-member")
	testWords(t, reasonNames, "reason",
		"flag-off, flag-on, hint-off, hint-on, cannot-donate, not-gofer, default-shared, default-exclusive, hint-shared, hint-exclusive, default-gofer, hint-gofer",
		"flag-off", "flag-on", "hint-off", "hint-on", "cannot-donate", "not-gofer", "default-shared", "default-exclusive", "hint-shared", "hint-exclusive", "default-gofer", "hint-gofer")
}

func TestCeilingText(t *testing.T) {
	for word, want := range map[string]Ceiling{"all": AllHints, "narrow": NarrowHints, "none": NoHints} {
		var c Ceiling
		if err := c.UnmarshalText([]byte(word)); err != nil || c != want {
			t.Errorf("%s: %v, %v", word, c, err)
		}
		if b, err := want.MarshalText(); err != nil || string(b) != word {
			t.Errorf("%v: %q, %v", want, b, err)
		}
	}
	if b, err := Ceiling(9).MarshalText(); err == nil {
		t.Errorf("an unknown ceiling is %q", b)
	}
	for _, word := range []string{"", "All", "true", "nothing"} {
		var c Ceiling
		err := c.UnmarshalText([]byte(word))
		want := fmt.Sprintf(`--directfs-hints=%q: invalid value; allowed: all, narrow, none`, word)
		if c != NoHints || err == nil || err.Error() != want {
			t.Errorf("%q: %v, %v, want %s", word, c, err, want)
		}
	}
}

func TestBackendNames(t *testing.T) {
	names := []string{"no gofer", "stock gofer", "virtual gofer", "donating gofer", "unknown backend"}
	for i, want := range names {
		if got := Backend(i).String(); got != want {
			t.Errorf("backend %d: %q, want %q", i, got, want)
		}
	}
}

func TestZeroValuesGrantNothing(t *testing.T) {
	var a Access
	var b Backend
	var d Decision
	var s Scope
	d.imply()
	if a != LisaFS || b.canDonate() || b.served() || d.Access != LisaFS || d.donated() || d.Cache != CacheShared || s != Standalone {
		t.Errorf("%v, %v, %+v, %v", a, b, d, s)
	}
	if got, want := (Why{reason: 99}).String(), "unknown reason 99"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
	if h, ok := (Why{reason: 99, key: "k"}).Hint(); ok {
		t.Errorf("an unknown reason has the hint %v", h)
	}
}
