package directfspolicy

import "testing"

func TestBackendsOfVersion3(t *testing.T) {
	for words, want := range map[string]string{"virtual gofer": "", `backend "blob"`: "blob", `backend "a\xff"`: "a\uFFFD"} {
		if name, err := backend3(words); name != want || err != nil {
			t.Errorf("%s: %q, %v", words, name, err)
		}
	}
	for _, words := range []string{"", `"blob"`, "backend blob", `backend ""`, `backend "blob`, "virtual"} {
		if name, err := backend3(words); err == nil {
			t.Errorf("%s: %q", words, name)
		}
	}
}

// A backend is there for the one reason that names it, and always for that.
func TestReasonsOfVersion3(t *testing.T) {
	cannot, other := becauseCannotDonate.String(), becauseDefaultGofer.String()
	for w, ok := range map[why3]bool{
		{Reason: cannot, Backend: "virtual gofer"}: true,
		{Reason: cannot}:                  false,
		{Reason: other}:                   true,
		{Reason: other, Backend: "words"}: false,
	} {
		if got, err := w.wire(); ok != (err == nil) {
			t.Errorf("%+v: %+v, %v", w, got, err)
		}
	}
}
