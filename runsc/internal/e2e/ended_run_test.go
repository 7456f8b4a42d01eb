package e2e

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"github.com/directfs/runsc/runsc/harness"
	specs "github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"
)

// A sandbox process that crashes when "run" has created its container and
// starts it is named as well.
func TestRunSaysWhyItEnded(t *testing.T) {
	lab := newLab(t)
	b, id := lab.Bundle(t, harness.Args("serve")), lab.ID()
	at, goOn := waitingHook(t, b)
	done := make(chan harness.Result, 1)
	go func() {
		res, err := lab.Command(harness.Context(t), "run", "--bundle", b.Dir, id)
		if err != nil {
			t.Error(err)
		}
		done <- res
	}()
	pid := at()
	abortAt(t, filepath.Join(lab.Root, "runsc-"+id+".sock"), "containerManager.StartRoot", pid)
	goOn()
	// It says so itself, or whoever holds it does if it was let go already.
	checkReason(t, "run", <-done, "sandbox process", ": SIGABRT: abort")
}

// waitingHook gives the container a createRuntime hook. at returns when it
// runs, with the PID of the sandbox process, and goOn lets it end.
func waitingHook(t *testing.T, b *harness.Bundle) (at func() int, goOn func()) {
	t.Helper()
	state, end := filepath.Join(b.Dir, "state"), filepath.Join(b.Dir, "end")
	for _, fifo := range []string{state, end} {
		if err := unix.Mkfifo(fifo, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	b.Spec.Hooks = &specs.Hooks{CreateRuntime: []specs.Hook{{Path: "/bin/sh", Args: []string{"sh", "-c", `cat > "$0" && read line < "$1"`, state, end}}}}
	if err := b.Save(); err != nil {
		t.Fatal(err)
	}
	at = func() int {
		data, err := os.ReadFile(state)
		if err != nil {
			t.Fatal(err)
		}
		var s specs.State
		if err := json.Unmarshal(data, &s); err != nil {
			t.Fatalf("%v: %q", err, data)
		}
		return s.Pid
	}
	goOn = func() {
		if err := os.WriteFile(end, []byte("\n"), 0); err != nil {
			t.Fatal(err)
		}
	}
	return at, goOn
}
