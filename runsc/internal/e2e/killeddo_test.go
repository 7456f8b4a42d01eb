package e2e

import (
	"cmp"
	"os"
	"path/filepath"
	"regexp"
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

// The cgroups of a "do" that failed go with it. Its log says which those are.
func TestFailedDoLeavesNoCgroups(t *testing.T) {
	lab := newLab(t)
	tempTo(t, lab)
	b := underAFile(t, lab)
	logs := t.TempDir()
	res, err := lab.With("--debug", "--debug-log="+logs+"/").Command(harness.Context(t), "do", "--root="+b.Rootfs(), "--volume="+filepath.Dir(b.Source("/file/a"))+":/file/a", "/guest")
	if err != nil {
		t.Fatal(err)
	}
	checkReason(t, "do", res, "not a directory")
	var id string
	files, _ := filepath.Glob(filepath.Join(logs, "*"))
	for _, f := range files {
		text, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		id = cmp.Or(id, regexp.MustCompile(`\brunsc-[0-9]{6}\b`).FindString(string(text)))
	}
	if id == "" {
		t.Fatalf("no id in %q", files)
	}
	lab.CheckGone(t, id)
}
