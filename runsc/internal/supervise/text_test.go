package supervise

import (
	"testing"
)

func TestPrintable(t *testing.T) {
	for in, want := range map[string]string{
		"a b":            "a b",
		"a\nb\x00\x7f":   `a\nb\x00\x7f`,
		"\u202egpj.exe":  `\u202egpj.exe`,
		"\xff":           `\ufffd`,
		"\"quoted\" ünï": `"quoted" ünï`,
	} {
		if got := printable(in); got != want {
			t.Errorf("%q: %q, want %q", in, got, want)
		}
	}
	for in, want := range map[string]string{
		"\n panic: x\n\ngoroutine 1":                  "panic: x",
		"runtime: stack\nfatal error: y\x1b\n\nstack": `fatal error: y\x1b`,
		"": "",
	} {
		if got := reason(nil, []byte(in)); got != want {
			t.Errorf("%q: %q, want %q", in, got, want)
		}
	}
	if got := message([]byte(`{"msg":"m","level":"error"}`)); got != "m" {
		t.Errorf("%q", got)
	}
	if got := message([]byte("not json")); got != "not json" {
		t.Errorf("%q", got)
	}
}
