package e2e

import (
	"testing"
	"time"

	"github.com/directfs/runsc/runsc/harness"
)

// Who is killed while it starts a container of a pod leaves one that can be
// deleted, and the pod as it was. The engine cuts a state file to nothing
// before it writes it anew.
func TestKilledStart(t *testing.T) {
	lab := newLab(t)
	pause := servePod(t, lab, lab.Runtime, true, harness.PodSandbox())
	n, random := kills(t)
	for range n {
		b := lab.Bundle(t, harness.PodMember(pause.ID, "app"), harness.Mount("/a"), harness.Args("serve"))
		c, err := lab.Create(harness.Context(t), lab.ID(), b)
		if err != nil {
			t.Fatal(err)
		}
		cmd := clientOf(lab, "start", c.ID)
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		killAfter(t, cmd, 40*time.Millisecond+time.Duration(random.Int64N(int64(70*time.Millisecond))))
		res, err := lab.Command(harness.Context(t), "state", c.ID)
		if err != nil || res.ExitCode != 0 {
			t.Errorf("state: %+v, %v", res, err)
		} else {
			checkAnnotations(t, "state", []byte(res.Stdout), b.Spec.Annotations)
		}
		if res, err := lab.Command(harness.Context(t), "delete", "--force", c.ID); err != nil || res.ExitCode != 0 {
			t.Errorf("delete: %+v, %v", res, err)
		}
	}
	stop(t, lab, pause)
}
