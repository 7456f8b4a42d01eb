package e2e

import (
	"os"
	"strings"
	"testing"

	"github.com/directfs/runsc/runsc/harness"
	"golang.org/x/sys/unix"
)

// The directory, the mount in it and the cgroup of a "do" that was killed go
// with the next "do" that has the same temporary directory.
func TestKilledDo(t *testing.T) {
	lab := newLab(t)
	tempTo(t, lab)
	b := lab.Bundle(t)
	c, root := attachDo(t, lab, b)
	// One that runs is nobody else's business.
	next := func() {
		t.Helper()
		res, err := lab.Command(harness.Context(t), "do", "--quiet", "--root="+b.Rootfs(), harness.GuestPath)
		if err != nil || strings.Contains(res.Stderr, "do:") {
			t.Errorf("do: %+v, %v", res, err)
		}
	}
	next()
	if _, err := os.Stat(root); err != nil {
		t.Error(err)
	}
	if err := c.Signal(unix.SIGKILL); err != nil {
		t.Fatal(err)
	}
	if _, err := c.End(harness.Context(t)); err != nil {
		t.Fatal(err)
	}
	next()
	if left, err := os.ReadDir(lab.TempDir); err != nil || len(left) > 0 {
		t.Errorf("left %v, %v", left, err)
	}
	lab.CheckGone(t, c.ID)
}
