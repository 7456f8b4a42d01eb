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
			b := lab.Bundle(t, mountA(), harness.Annotation("dev.gvisor.bundle.experimental-high-performance", "true"))
			id := lab.ID()
			_, err := lab.Create(harness.Context(t), id, b)
			checkRefused(t, err, `FetchSpec failed: dev.gvisor.bundle.experimental-high-performance="true": not permitted by --directfs-hints; `+
				"the config bundle sets --directfs=true, which --directfs-hints="+hints+" does not let an annotation do: remove it, or ask the operator")
			lab.CheckGone(t, id)
		})
	}
}
