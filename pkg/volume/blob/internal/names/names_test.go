package names

import (
	"strings"
	"testing"
)

func TestPossible(t *testing.T) {
	for name, want := range map[string]bool{
		"a": true, ".a": true, "...": true, "ü ~": true, strings.Repeat("x", 255): true,
		"": false, ".": false, "..": false, "a/b": false, "a\x00": false,
		strings.Repeat("x", 256): false, "a" + mark + "b": false,
	} {
		if got := Possible(name); got != want {
			t.Errorf("%.20q: %v", name, got)
		}
	}
}

// A substitute is a name, though not one that an object may have, and another one
// for another key.
func TestSubstitute(t *testing.T) {
	seen := map[string]string{}
	for _, key := range []string{"", "a", "d//", "./", "../", "\x00", strings.Repeat("ü", 300), mark, "a" + mark} {
		s := Substitute(key, key)
		if len(s) > Max || strings.ContainsAny(s, "/\x00") || !IsSubstitute(s) || Possible(s) {
			t.Errorf("%.20q has substitute %q", key, s)
		}
		if other, taken := seen[s]; taken {
			t.Errorf("%q and %q have the same substitute", key, other)
		}
		seen[s] = key
	}
}

func TestSplit(t *testing.T) {
	for _, c := range []struct {
		key          string
		dir          bool
		parent, name string
	}{
		{"a", false, "", "a"}, {"d/a", false, "d/", "a"}, {"d/", true, "", "d"}, {"d/e/", true, "d/", "e"},
		{"d//", true, "d/", ""}, {"d/", false, "d/", ""}, {"/", true, "", ""},
	} {
		if parent, name := Split(c.key, c.dir); parent != c.parent || name != c.name {
			t.Errorf("%q is %q in %q", c.key, name, parent)
		}
	}
}
