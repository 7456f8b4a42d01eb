package e2e

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/directfs/runsc/runsc/harness"
	specs "github.com/opencontainers/runtime-spec/specs-go"
)

// createContainer hooks inherit none of the gofer's FDs. A process that one of
// them leaves running would keep the sandbox process waiting for the mounts.
func TestHooksInheritNoFDs(t *testing.T) {
	lab := newLab(t)
	out := filepath.Join(t.TempDir(), "fds")
	hook := specs.Hook{Path: "/bin/sh", Args: []string{"sh", "-c", "for fd in $(seq 0 50); do readlink /proc/self/fd/$fd && echo $fd; done > " + out + "; true"}}
	c := lab.Serve(t, lab.Bundle(t, harness.Mount("/a"), harness.Hooks(specs.Hooks{CreateContainer: []specs.Hook{hook}}), harness.Args("serve")))
	readReport(t, c)
	stop(t, lab, c)
	fds, err := os.ReadFile(out)
	if err != nil {
		t.Fatal(err)
	}
	// Two lines for each FD.
	if n := strings.Count(string(fds), "\n"); n != 2*3 {
		t.Errorf("a hook has these FDs:\n%s", fds)
	}
}
