package e2e

import (
	"testing"

	"github.com/directfs/runsc/runsc/harness"
)

// A config bundle of the engine's sets flags by an annotation, without
// --allow-flag-override and over what the command line says
// (runsc/config/flags.go:464). It must not lift the operator's ceiling.
func TestConfigBundleUnderCeiling(t *testing.T) {
	for _, hints := range []string{"narrow", "none"} {
		t.Run(hints, func(t *testing.T) {
			lab := newLab(t, flag(false), "--directfs-hints="+hints)
			b := lab.Bundle(t, mountA(), harness.Annotation("dev.gvisor.bundle.experimental-high-performance", "true"), harness.Args("serve", "/", "/a"))
			id := lab.ID()
			c, err := lab.Create(harness.Context(t), id, b)
			if err == nil {
				t.Errorf("accepted: an annotation set --directfs=true under --directfs=false --directfs-hints=%s", hints)
				_ = c.Stop(harness.Context(t))
				return
			}
			t.Log(err)
			lab.CheckGone(t, id)
		})
	}
}
