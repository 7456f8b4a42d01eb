package e2e

import (
	"fmt"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/directfs/runsc/runsc/harness"
)

// All containers of a pod are deleted at once, as containerd does for a pod whose
// shims are gone. The pod's cgroup is the runtime's, and has those of the
// containers in it. Each command succeeds, none waits for another's patience, and
// nothing is left.
func TestDeletePodAtOnce(t *testing.T) {
	lab := newLab(t)
	for i := range 5 {
		group := fmt.Sprintf("/e2e-pod%s-%d", filepath.Base(lab.Root), i)
		in := func(name string) harness.Option {
			return func(b *harness.Bundle) error {
				b.Spec.Linux.CgroupsPath = group + "/" + name
				return nil
			}
		}
		pause := servePod(t, lab, lab.Runtime, true, harness.PodSandbox(), in("first"), harness.Annotation("dev.gvisor.spec.cgroup-parent", group))
		pod := []*harness.Container{pause}
		for _, name := range []string{"a", "b"} {
			pod = append(pod, lab.Serve(t, lab.Bundle(t, harness.PodMember(pause.ID, name), in(name), harness.Args("serve"))))
		}
		start := time.Now()
		var wg sync.WaitGroup
		for _, c := range pod {
			wg.Go(func() {
				res, err := lab.Command(harness.Context(t), "delete", "--force", c.ID)
				if err != nil || res.ExitCode != 0 {
					t.Errorf("delete: %+v, %v", res, err)
				}
			})
		}
		wg.Wait()
		// What the engine would wait for a cgroup with others in it.
		if took := time.Since(start); took > 4*time.Second {
			t.Errorf("it took %v", took)
		}
		for _, c := range pod {
			lab.CheckGone(t, c.ID)
		}
		if left, err := filepath.Glob("/sys/fs/cgroup/*" + group); err != nil || left != nil {
			t.Errorf("cgroups are left: %q, %v", left, err)
		}
		if left, err := filepath.Glob(filepath.Join(lab.Root, "*.lock")); err != nil || left != nil {
			t.Errorf("locks are left: %q, %v", left, err)
		}
	}
}
