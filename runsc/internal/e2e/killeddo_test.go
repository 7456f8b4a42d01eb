package e2e

import (
	"os"
	"path/filepath"
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
	c, err := lab.Attach(harness.Context(t), b, doArgs(b)...)
	if err != nil {
		t.Fatal(err)
	}
	readReport(t, &c.Container)
	roots, err := filepath.Glob(filepath.Join(lab.TempDir, "runsc-do*"))
	if err != nil || len(roots) != 1 {
		t.Fatalf("state directories: %q, %v", roots, err)
	}
	if err := c.Find(roots[0]); err != nil {
		t.Fatal(err)
	}
	// One that runs is nobody else's business.
	next := func() {
		t.Helper()
		res, err := lab.Command(harness.Context(t), "do", "--quiet", "--root="+b.Rootfs(), harness.GuestPath)
		if err != nil || strings.Contains(res.Stderr, "do:") {
			t.Errorf("do: %+v, %v", res, err)
		}
	}
	next()
	if _, err := os.Stat(roots[0]); err != nil {
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
