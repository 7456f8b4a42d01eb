package e2e

import (
	"testing"

	"github.com/directfs/runsc/runsc/harness"
)

// What the sandbox holds for one member of a pod does not lead to what another
// member has opted out, nor to the rootfs of a third.
func TestAttacksInAPod(t *testing.T) {
	lab := newLab(t)
	pause := servePod(t, lab, lab.Runtime, true, harness.PodSandbox())
	first := lab.Serve(t, lab.Bundle(t, harness.PodMember(pause.ID, "first"),
		harness.Mount("/a", "rw", "directfs=on"), plant([]string{"/b"}), harness.Args("serve", "/", "/a")))
	off := []string{"/", "/b"}
	second := lab.Serve(t, lab.Bundle(t, harness.PodMember(pause.ID, "second"),
		harness.RootfsHint("off"), harness.Mount("/b", "rw", "directfs=off"), harness.Mount("/c", "rw", "directfs=on"),
		plant(off), harness.Args("serve", "/", "/b", "/c")))
	readReport(t, first)
	readReport(t, second)
	j := jobFor(t, second, off, nil)
	for name := range stoppedBy {
		j.Attempts = append(j.Attempts, name)
	}
	m := mix{on: []string{"first /", "first /a", "second /c"}, off: off}
	m.check(t, runAttacks(t, j))
	stop(t, lab, pause, first, second)
}
