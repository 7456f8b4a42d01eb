package e2e

import (
	"testing"

	"github.com/directfs/runsc/runsc/harness"
)

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

// A program by an FD would be executed in the place of the process that mounts the
// overlay.
func TestOverlayInSentryExecFD(t *testing.T) {
	lab := newLab(t)
	b := lab.Bundle(t, newStack(t, lab, "s", 1).at("/ov", "gvisor.overlay=sentry"), harness.Args("serve"))
	checkRefusedBy(t, lab, lab.Runtime, "--exec-fd=0: the container has an overlay that the sentry makes, by a process of its own: "+
		"use the host's driver, by the option gvisor.overlay=host, or give the program by its path", "run", "--exec-fd=0", "--bundle="+b.Dir)
}
