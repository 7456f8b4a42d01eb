package e2e

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/directfs/runsc/runsc/harness"
)

// An engine that lost the process which would have called "delete" removes the
// rootfs without it. What the runtime has can be deleted nevertheless, without
// force.
func TestDeleteAfterTheRootfs(t *testing.T) {
	lab := newLab(t, "--overlay2=root:self")
	b := lab.Bundle(t, harness.Args("serve"))
	c := lab.Serve(t, b)
	files, err := filepath.Glob(filepath.Join(b.Rootfs(), ".gvisor.filestore.*"))
	if err != nil || len(files) != 1 {
		t.Fatalf("%q, %v", files, err)
	}
	check(t, os.Remove(files[0]))
	check(t, c.Kill(harness.Context(t), "KILL"))
	if _, err := c.Wait(harness.Context(t)); err != nil {
		t.Fatal(err)
	}
	if res, err := lab.Command(harness.Context(t), "delete", c.ID); err != nil || res.ExitCode != 0 {
		t.Errorf("%+v, %v", res, err)
	}
	lab.CheckGone(t, c.ID)
}
