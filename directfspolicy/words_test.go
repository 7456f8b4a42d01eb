package directfspolicy

import (
	"encoding"
	"fmt"
	"slices"
	"testing"
)

// hintWords is what users may write.
var hintWords = map[string]Setting{"on": On, "true": On, "off": Off, "false": Off, "default": Default}

func TestAllowedValues(t *testing.T) {
	if len(AllowedValues) != len(hintWords) {
		t.Errorf("AllowedValues = %v", AllowedValues)
	}
	for word, want := range hintWords {
		if h, err := ParseHint("k", word, "/m"); err != nil || h != (Hint{"k", want}) || !slices.Contains(AllowedValues, word) {
			t.Errorf("%s: %+v, %v", word, h, err)
		}
	}
}

// text is what all enumerations of this package have.
type text interface {
	fmt.Stringer
	encoding.TextMarshaler
}

// testWords checks the words of an enumeration whose values count from 0, and
// that no other word or value is known.
func testWords[T interface {
	~uint8
	text
}, P interface {
	*T
	encoding.TextUnmarshaler
}](t *testing.T, kind, want string, words ...string) {
	t.Helper()
	for i, w := range words {
		v := T(i)
		if b, err := v.MarshalText(); v.String() != w || string(b) != w || err != nil {
			t.Errorf("%s %d: String %q, MarshalText %q, %v", kind, i, v, b, err)
		}
		var back T
		if err := P(&back).UnmarshalText([]byte(w)); err != nil || back != v {
			t.Errorf("%s %q: %d, %v", kind, w, back, err)
		}
	}
	first := T(len(words))
	unknown := fmt.Sprintf("unknown %s %d", kind, len(words))
	if b, err := first.MarshalText(); first.String() != unknown || b != nil || err == nil || err.Error() != unknown {
		t.Errorf("%s %d: String %q, MarshalText %q, %v", kind, len(words), first, b, err)
	}
	for _, w := range []string{"", " " + words[0], words[0] + "x", "LisaFS", unknown} {
		v := T(1)
		err := P(&v).UnmarshalText([]byte(w))
		if wantErr := fmt.Sprintf("unknown %s %q, want %s", kind, w, want); err == nil || err.Error() != wantErr || v != 1 {
			t.Errorf("%s %q: %d, error %v, want %s", kind, w, v, err, wantErr)
		}
	}
}

func TestWords(t *testing.T) {
	testWords[Access](t, "access", "lisafs, directfs, none", "lisafs", "directfs", "none")
	testWords[Cache](t, "cache mode", "shared, exclusive", "shared", "exclusive")
	testWords[CacheSetting](t, "cache setting", "unset, default, shared, exclusive", "unset", "default", "shared", "exclusive")
	testWords[CacheReason](t, "cache reason", "default, hint", "default", "hint")
	testWords[Scope](t, "scope", "standalone, pod-sandbox, pod-member", "standalone", "pod-sandbox", "pod-member")
	testWords[Setting](t, "setting", "unset, default, on, off", "unset", "default", "on", "off")
	testWords[Reason](t, "reason", "flag-off, flag-on, hint-off, hint-on, cannot-donate, not-gofer",
		"flag-off", "flag-on", "hint-off", "hint-on", "cannot-donate", "not-gofer")
	testWords[UserNamespace](t, "user namespace", "new, spec", "new", "spec")
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
	var r Reason
	var s Scope
	var u UserNamespace
	if a != LisaFS || b.CanDonate() || b.Served() || r.Access() != LisaFS || s != Standalone || u != NewUserNamespace {
		t.Errorf("%v, %v, %v, %v, %v", a, b, r, s, u)
	}
	if got := Reason(99).Access(); got != LisaFS {
		t.Errorf("an unknown reason gives %v", got)
	}
	if got, want := (Decision{Reason: 99}).Why(), "unknown reason 99"; got != want {
		t.Errorf("Why() = %q, want %q", got, want)
	}
}
