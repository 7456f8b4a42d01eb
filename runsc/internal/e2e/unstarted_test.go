package e2e

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/directfs/runsc/runsc/harness"
	specs "github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"
)

// When "start" says that the container's command cannot be executed, the sandbox
// process has ended: an engine that looks at once finds a container to delete.
func TestUnstartedSandboxHasEnded(t *testing.T) {
	lab := newLab(t)
	id := lab.ID()
	b := lab.Bundle(t, harness.Edit(func(s *specs.Spec) { s.Process.Args = []string{"/no/such"} }))
	if said, code := createAttended(t, lab, b, id); code != 0 {
		t.Fatal(said)
	}
	pids := processesOf(t, lab, id)
	res, err := lab.Command(harness.Context(t), "start", id)
	if err != nil || res.ExitCode != 128 || !strings.HasSuffix(strings.TrimSpace(res.Stderr), "failed to load /no/such: no such file or directory") {
		t.Errorf("%+v, %v", res, err)
	}
	if status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pids["sandbox"])); err != nil || !strings.Contains(string(status), "\nState:\tZ") {
		t.Errorf("the sandbox process has not ended: %v\n%s", err, status)
	}
	for _, pid := range pids {
		if _, err := unix.Wait4(pid, nil, 0, nil); err != nil {
			t.Error(err)
		}
	}
	// containerd's shim for runc kills before it deletes, and knows runc's words.
	if res, err := lab.Command(harness.Context(t), "kill", id, "KILL"); err != nil || res.ExitCode != 128 || !strings.Contains(res.Stderr, "container not running") {
		t.Errorf("kill: %+v, %v", res, err)
	}
	checkAfterKill(t, lab, id)
}
