package e2e

import (
	"fmt"
	"testing"
	"time"

	"github.com/directfs/runsc/runsc/harness"
)

// As many layers as the kernel takes are mounted, and do not take long.
func TestOverlayManyLowers(t *testing.T) {
	for _, n := range []int{100, 500} {
		for _, directfs := range []bool{true, false} {
			t.Run(fmt.Sprintf("%d,%s", n, flag(directfs)), func(t *testing.T) {
				lab := newLab(t, flag(directfs))
				s := newStack(t, lab, "s", n)
				began := time.Now()
				c := lab.Serve(t, lab.Bundle(t, s.at("/ov"), harness.Args("serve", "/ov")))
				checkOpsInside(t, readReport(t, c))
				t.Logf("created and started in %v", time.Since(began))
				if got := execGuest(t, c, "cat", fmt.Sprintf("/ov/in-lower%d", n-1)); got != fmt.Sprint(n-1) {
					t.Errorf("the lowest layer has %q", got)
				}
				stop(t, lab, c)
			})
		}
	}
}

// With the sentry's driver each layer takes an FD of the sandbox process, and more
// than it has room for are refused beforehand.
func TestOverlayManyLowersInSentry(t *testing.T) {
	for name, most := range map[string]int{"alone": 220, "member": 120} {
		t.Run(name, func(t *testing.T) {
			lab := newLab(t, "--overlay-driver=sentry", "--debug", "--debug-log="+t.TempDir()+"/")
			s := newStack(t, lab, "s", most+1)
			var member []harness.Option
			if name == "member" {
				pause := lab.Serve(t, lab.Bundle(t, harness.PodSandbox(), harness.Args("serve")))
				member = append(member, harness.PodMember(pause.ID, "app"))
			}
			message := fmt.Sprintf(`invalid request: %d mounts are served by a gofer, counting each layer of the sentry's overlays, and with such an overlay at most %d can be: `+
				`name fewer lower layers, or let the host's driver make the overlay, by the option gvisor.overlay=host`, most+5, most+4)
			b := lab.Bundle(t, append(member, s.at("/ov"), harness.Args("serve"))...)
			checkRefusedBy(t, lab, lab.Runtime, message, "create", "--bundle="+b.Dir)
			s.lowers = s.lowers[:most]
			b = lab.Bundle(t, append(member, s.at("/ov"), harness.Args("cat", fmt.Sprintf("/ov/in-lower%d", most-1)))...)
			if res, err := lab.Run(harness.Context(t), lab.ID(), b); err != nil || res.Stdout != fmt.Sprint(most-1) {
				t.Errorf("%d layers: %+v, %v", most, res, err)
			}
		})
	}
}
