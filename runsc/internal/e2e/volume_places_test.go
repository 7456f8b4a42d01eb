package e2e

import (
	"fmt"
	"strings"
	"testing"

	"github.com/directfs/runsc/runsc/harness"
	specs "github.com/opencontainers/runtime-spec/specs-go"
)

// Of two mounts of a volume at one place the later one is seen, also where the
// sentry mounts them in another order, as it does among many. A daemon serves
// both before their places are known, so that with one the two must agree.
func TestVolumeTwiceAtOnePlace(t *testing.T) {
	servedBoth(t, func(t *testing.T, l *volumeLab) {
		b := l.Bundle(t, l.mount(t, "/v", "host", "v", "rw"), harness.Edit(func(s *specs.Spec) {
			again := s.Mounts[len(s.Mounts)-1]
			again.Options = []string{again.Options[0], "ro"}
			s.Mounts = append(s.Mounts, again)
			for i := range 14 {
				s.Mounts = append(s.Mounts, specs.Mount{Destination: fmt.Sprintf("/xxx%02d", i), Type: "tmpfs", Source: "tmpfs"})
			}
		}), harness.Args("serve"))
		id := l.ID()
		c, err := l.RunDetached(harness.Context(t), id, b)
		if l.daemon != nil {
			if err == nil || !strings.Contains(err.Error(), "serves another mount at this place, and only one of the two is read-only") {
				t.Errorf("started: %v", err)
			}
			l.CheckGone(t, id)
			return
		}
		check(t, err)
		r, err := c.Exec(harness.Context(t), "write", "/v/file", "text")
		if err != nil || r.ExitCode == 0 {
			t.Errorf("a read-only mount was written: %+v, %v", r, err)
		}
		stop(t, l.Lab, c)
	}, flag(true))
}
