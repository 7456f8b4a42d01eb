package e2e

import (
	"strings"
	"testing"

	"github.com/directfs/runsc/runsc/harness"
)

// A relative --bundle is relative to the working directory, which is / here.
func TestRelativeBundle(t *testing.T) {
	lab := newLab(t)
	b := lab.Bundle(t, harness.Mount("/a", "rw", "directfs=off"), harness.Args("ops", "/", "/a"))
	out := command(t, lab.Runtime, "run", "--bundle="+strings.TrimPrefix(b.Dir, "/"), lab.ID())
	if want := "{\"dir\":\"/\",\"ok\":true}\n{\"dir\":\"/a\",\"ok\":true}\n"; out != want {
		t.Errorf("printed %q, want %q", out, want)
	}
}
