package e2e

import "testing"

// An overlay in config.json is the host's overlay, whoever serves it.
func TestOverlayOnHost(t *testing.T) {
	for _, directfs := range []bool{true, false} {
		t.Run(flag(directfs), func(t *testing.T) { testOverlay(t, overlayConfig{driver: hostDriver, directfs: directfs}) })
	}
}

// A user who is not root gets what the kernel gives the root of that user's
// namespace.
func TestOverlayOnHostRootless(t *testing.T) {
	for _, directfs := range []bool{true, false} {
		t.Run(flag(directfs), func(t *testing.T) {
			testOverlay(t, overlayConfig{driver: hostDriver, directfs: directfs, owner: nobodys})
		})
	}
}
