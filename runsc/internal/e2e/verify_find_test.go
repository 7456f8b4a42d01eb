package e2e

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/directfs/runsc/runsc/harness"
)

// Without --root, a container is found where containerd's shim for gVisor has
// it, and the text fits on a screen.
func TestVerifyFindsTheContainer(t *testing.T) {
	lab := newLab(t, "--overlay2=root:self")
	c := lab.Serve(t, lab.Bundle(t, harness.Mount("/a"), harness.Args("serve")))
	readReport(t, c)
	verify := func(env string, args ...string) (string, int) {
		t.Helper()
		cmd := exec.CommandContext(harness.Context(t), lab.Binary, append([]string{"policy", "verify"}, args...)...)
		cmd.Env = append(os.Environ(), env)
		out, _ := cmd.CombinedOutput()
		return string(out), cmd.ProcessState.ExitCode()
	}
	out, code := verify("XDG_RUNTIME_DIR=", c.ID)
	if code != 3 || !strings.Contains(out, "/run/containerd/runsc/*; ") || !strings.Contains(out, "--root") {
		t.Errorf("not there yet: exit status %d, %s", code, out)
	}
	link(t, lab.Root, filepath.Join("/run/containerd/runsc", c.ID))
	out, code = verify("XDG_RUNTIME_DIR=", c.ID)
	if code != 0 || !strings.HasPrefix(out, "state in /run/containerd/runsc/"+c.ID+"\n") || !strings.Contains(out, "\nverdict: ok, with 1 note ") {
		t.Errorf("exit status %d, %s", code, out)
	}
	for line := range strings.Lines(out) {
		if len(line) > 101 {
			t.Errorf("a line of %d columns: %s", len(line), line)
		}
	}
	// Another container of that name, of a user.
	mine := t.TempDir()
	if err := os.Mkdir(filepath.Join(mine, "runsc"), 0o755); err != nil {
		t.Fatal(err)
	}
	state := c.ID + "_sandbox:" + c.ID + ".state"
	if err := os.WriteFile(filepath.Join(mine, "runsc", state), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	out, code = verify("XDG_RUNTIME_DIR="+mine, c.ID)
	if code != 3 || !strings.Contains(out, "is 2 containers") || !strings.Contains(out, mine+"/runsc") || !strings.Contains(out, "give the directory with --root") {
		t.Errorf("exit status %d, %s", code, out)
	}
	stop(t, lab, c)
}

// link makes a link to the directory, and the directories that are missing on
// the way to it, for the time of the test.
func link(t *testing.T, dir, at string) {
	t.Helper()
	var made []string
	for parent := filepath.Dir(at); ; parent = filepath.Dir(parent) {
		if _, err := os.Stat(parent); err == nil {
			break
		}
		made = append(made, parent)
	}
	if err := os.MkdirAll(filepath.Dir(at), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(dir, at); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		for _, path := range append([]string{at}, made...) {
			if err := os.Remove(path); err != nil {
				t.Error(err)
			}
		}
	})
}
