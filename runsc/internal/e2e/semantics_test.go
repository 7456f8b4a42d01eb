package e2e

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"github.com/directfs/runsc/runsc/harness"
	"github.com/directfs/runsc/runsc/internal/e2e/guest/report"
)

// To the container, an isolated mount is the mount that it was: every
// operation answers what it answers with upstream's runtime, which isolates
// nothing, error for error.
func TestSemantics(t *testing.T) {
	for name, c := range map[string]struct {
		upstream, ours bool // the flag
		hint           string
		options        []string
	}{
		"directfs":            {upstream: true, ours: true},
		"LisaFS":              {upstream: false, ours: false},
		"directfs by hint":    {upstream: true, ours: false, hint: "on"},
		"LisaFS by hint":      {upstream: false, ours: true, hint: "off"},
		"read-only directfs":  {upstream: true, ours: true, options: []string{"ro"}},
		"read-only LisaFS":    {upstream: false, ours: false, options: []string{"ro"}},
		"overlay on directfs": {upstream: true, ours: true, options: []string{"overlay"}},
	} {
		t.Run(name, func(t *testing.T) {
			var flags, options []string
			if len(c.options) == 1 && c.options[0] == "overlay" {
				flags = []string{"--overlay2=all:memory"}
			} else {
				options = c.options
			}
			lab := upstreamLab(t, flags...)
			want := semantics(t, lab, lab.With(flag(c.upstream)), "", options)
			ours := *lab.Runtime
			ours.Binary = harness.OurBinary(t)
			got := semantics(t, lab, ours.With(flag(c.ours)), c.hint, options)
			compare(t, got, want)
		})
	}
}

func semantics(t *testing.T, lab *harness.Lab, r *harness.Runtime, hint string, options []string) []report.Step {
	t.Helper()
	if len(options) == 0 {
		options = []string{"rw"}
	}
	b := lab.Bundle(t, harness.Mount("/a", options...), harness.MountHint("a", "/a", hint), harness.Mount("/other"),
		harness.Args("semantics", "/a", "/other"))
	if err := os.WriteFile(filepath.Join(b.Source("/other"), "for-links"), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	res, err := r.Run(harness.Context(t), lab.ID(), b)
	if err != nil {
		t.Fatal(err)
	}
	if options[0] == "ro" {
		// Nothing can be made there; that this is the answer is what counts.
		return []report.Step{{Name: "read-only", Result: res.Stderr}}
	}
	var steps []report.Step
	if err := res.Err(); err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal([]byte(res.Stdout), &steps); err != nil {
		t.Fatal(err)
	}
	if len(steps) < 300 {
		t.Errorf("only %d steps", len(steps))
	}
	return steps
}

func compare(t *testing.T, got, want []report.Step) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("%d steps, upstream has %d", len(got), len(want))
	}
	for i := range got {
		if got[i] != want[i] {
			t.Errorf("step %d: got %+v, upstream %+v", i, got[i], want[i])
		}
	}
	t.Logf("%d steps are equal", len(got))
}
