package e2e

import (
	"testing"

	"github.com/directfs/runsc/runsc/harness"
)

// A container whose client was killed while its hooks ran is not created: the
// engine has saved its state before. It must not be started without its hooks.
func TestKilledWhileHooksRun(t *testing.T) {
	lab := newLab(t)
	for _, command := range []string{"create", "run"} {
		t.Run(command, func(t *testing.T) {
			b, id := lab.Bundle(t, harness.Mount("/a"), harness.Args("serve")), lab.ID()
			at, goOn := waitingHook(t, b)
			cmd := clientOf(lab, append([]string{command, "--bundle=" + b.Dir}, detach(command, id)...)...)
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			at()
			// In time for a client that has not noticed that its hook runs.
			if res, err := lab.Command(harness.Context(t), "list", "--quiet"); err != nil || res.ExitCode != 0 {
				t.Errorf("list: %+v, %v", res, err)
			}
			killAfter(t, cmd, 0)
			goOn()
			if checkAfterKill(t, lab, id) {
				t.Error("the container is there")
			}
		})
	}
}
