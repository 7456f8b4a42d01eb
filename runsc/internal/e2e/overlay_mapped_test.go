package e2e

import (
	"testing"

	"github.com/directfs/runsc/runsc/harness"
	"github.com/directfs/runsc/runsc/internal/e2e/layers"
)

// gVisor's overlay maps a file anew when it copies it up, by a descriptor that is
// open for writing alone. With an exclusive cache in the upper layer the sentry
// reads through that one, and panics: a container must not get to that.
func TestOverlayInSentryMappedWithExclusiveCache(t *testing.T) {
	for _, directfs := range []bool{true, false} {
		t.Run(flag(directfs), func(t *testing.T) {
			lab := newLab(t, flag(directfs), "--file-access-mounts=exclusive")
			u := newUnions(t, inMemory(t, lab), layers.User, 0)
			m, _ := sentryDriver.mount(t, lab, "/ov", u["ov"])
			b := lab.Bundle(t, harness.RawMount(m), otherUsers, harness.Args("overlay", "first:/ov"))
			res, err := lab.Run(harness.Context(t), lab.ID(), b)
			if err != nil || res.ExitCode != 0 {
				t.Errorf("exit code %d, %v: %s", res.ExitCode, err, res.Stderr)
			}
		})
	}
}
