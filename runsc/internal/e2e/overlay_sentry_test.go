package e2e

import "testing"

// gVisor's own overlay makes the union of layers that a gofer serves. What it
// does differently from Linux is in [sentryDeviations].
func TestOverlayInSentry(t *testing.T) {
	for _, directfs := range []bool{true, false} {
		t.Run(flag(directfs), func(t *testing.T) { testOverlay(t, overlayConfig{driver: sentryDriver, directfs: directfs}) })
	}
}

// The same without root: the kernel's overlay, with which it is compared, is that
// of the user's namespace.
func TestOverlayInSentryRootless(t *testing.T) {
	for _, directfs := range []bool{true, false} {
		t.Run(flag(directfs), func(t *testing.T) {
			testOverlay(t, overlayConfig{driver: sentryDriver, directfs: directfs, owner: nobodys})
		})
	}
}
