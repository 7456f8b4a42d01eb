package verify

import (
	"bytes"
	"strings"
	"testing"
)

// Names of the container do not reach a terminal as they are.
func TestTextIsPlain(t *testing.T) {
	r := &Report{Root: "/r", Verdict: Differs, Rows: []Row{
		{Subject: "s\x1b[2J", Item: "mount /a\x1b]0;\n/b", Verdict: OK, Actual: "x\r"},
		{Subject: "s\x1b[2J", Item: "mount /a\x1b]0;\n/b", Verdict: Differs, Planned: "\x1b", Actual: "\x07", Detail: "\x9b"},
	}}
	for _, verbose := range []bool{false, true} {
		var b bytes.Buffer
		if err := r.Text(&b, 80, verbose); err != nil {
			t.Fatal(err)
		}
		if strings.ContainsAny(b.String(), "\x1b\x07\r") || strings.Contains(b.String(), "\n/b") {
			t.Errorf("%q", b.String())
		}
	}
}
