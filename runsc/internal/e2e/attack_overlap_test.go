package e2e

import (
	"path/filepath"
	"testing"

	"github.com/directfs/runsc/runsc/harness"
)

// Isolation is by mount, not by file: what an opted-out mount shows is reached
// all the same where its source lies inside the source of a donated one. The
// documentation says so.
func TestAttackOverlappingSources(t *testing.T) {
	lab := newLab(t)
	outer := volume(lab, "outer")
	b := lab.Bundle(t, harness.RootfsHint("off"), harness.MountFrom(outer, "/a", "rw", "directfs=on"),
		harness.MountFrom(filepath.Join(outer, "inner"), "/b", "rw", "directfs=off"), harness.Args("serve", "/a"))
	c := lab.Serve(t, b)
	readReport(t, c)
	j := jobFor(t, c, []string{"/b"}, nil)
	j.Attempts = []string{"down"}
	if r := runAttacks(t, j)["down"]; len(r.Breaches) == 0 {
		t.Error("the inner source was not reached; let the documentation say that")
	}
	stop(t, lab, c)
}
