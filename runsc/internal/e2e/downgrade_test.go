package e2e

import (
	"os"
	"testing"

	"github.com/directfs/runsc/runsc/harness"
)

// Upstream's runtime manages a container of this one, for who goes back. What it
// does not know stays behind, until this one or the operator removes it.
func TestUpstreamManagesOurs(t *testing.T) {
	lab := newLab(t)
	b := lab.Bundle(t, harness.Mount("/a", "directfs=off"), harness.Mount("/b"), harness.Args("serve", "/a", "/b"))
	c := lab.Serve(t, b)
	upstream := *lab.Runtime
	upstream.Binary = harness.Program(t, harness.UpstreamPackage)
	ctx := harness.Context(t)
	for _, args := range [][]string{{"state", c.ID}, {"list"}, {"ps", c.ID}, {"pause", c.ID}, {"resume", c.ID}, {"kill", c.ID, "KILL"}, {"wait", c.ID}, {"delete", c.ID}} {
		res, err := upstream.Command(ctx, args...)
		if err == nil {
			err = res.Err()
		}
		if err != nil && args[0] != "wait" { // its status is the container's
			t.Errorf("%q: %v", args, err)
		}
	}
	plan := planPath(t, lab.Runtime, c.ID)
	if err := os.Remove(plan); err != nil {
		t.Errorf("the one file that is left: %v", err)
	}
}
