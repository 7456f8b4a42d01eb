package statedir

import (
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	specs "github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"
)

// The clock may be set back while a container is created.
func TestFinishWhenTheClockIsSetBack(t *testing.T) {
	root := t.TempDir()
	c, err := Begin(root, id, time.Now().Add(time.Hour), plan(t, true), &specs.Spec{}, nil)
	if err != nil {
		t.Fatal(err)
	}
	there := save(t, root, time.Now())
	if _, err := LoadPlan(there); err != nil {
		t.Errorf("while it is created: %v", err)
	}
	if created, err := c.Finish(); !created || err != nil {
		t.Errorf("created %t, %v", created, err)
	}
	expectFiles(t, root, thePlan, theState)
}

// A .creating file that says nothing is no reason to end a container.
func TestSweepLeavesContainersOfNobody(t *testing.T) {
	for name, content := range map[string]string{"nothing": "", "half": `{"started":"2020-01-01T00:00:00Z","pl`, "no owner": "{}", "null": "null"} {
		root := t.TempDir()
		save(t, root, time.Now())
		if err := os.WriteFile(filepath.Join(root, theCreating), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		Sweep(root)
		t.Log(name)
		expectFiles(t, root, theState)
	}
}

// dead leaves the .creating file of a client that died and had started a
// process, after it was edited. It returns the process.
func dead(t *testing.T, root string, edit func(record map[string]any)) *exec.Cmd {
	t.Helper()
	c := begin(t, root, true)
	child := exec.Command("/bin/sleep", "1000")
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = child.Process.Kill(); _ = child.Wait() })
	if err := c.AddProcess(child.Process.Pid); err != nil {
		t.Fatal(err)
	}
	c.die(t)
	name := filepath.Join(root, theCreating)
	data, err := os.ReadFile(name)
	var r map[string]any
	if err == nil {
		err = json.Unmarshal(data, &r)
	}
	if err == nil && edit != nil {
		edit(r)
		if data, err = json.Marshal(r); err == nil {
			err = os.WriteFile(name, data, 0o600)
		}
	}
	if err != nil {
		t.Fatal(err)
	}
	return child
}

// isAlive tells apart a process from one that was killed and is not waited for.
func isAlive(t *testing.T, c *exec.Cmd) bool {
	t.Helper()
	var info unix.Siginfo
	if err := unix.Waitid(unix.P_PID, c.Process.Pid, &info, unix.WEXITED|unix.WNOHANG|unix.WNOWAIT, nil); err != nil {
		t.Fatal(err)
	}
	return info.Signo == 0
}

// A PID and a time since the boot say nothing of a process of another boot.
func TestSweepKnowsBoots(t *testing.T) {
	root := t.TempDir()
	child := dead(t, root, func(r map[string]any) {
		r["processes"].([]any)[0].(map[string]any)["boot"] = "00000000-0000-0000-0000-000000000000"
	})
	Sweep(root)
	if !isAlive(t, child) {
		t.Error("a process is killed that started in another boot")
	}
}

// A client of another version had a Plan that this one cannot read.
func TestSweepAfterUpgrade(t *testing.T) {
	root := t.TempDir()
	child := dead(t, root, func(r map[string]any) { r["plan"] = map[string]any{"version": 99} })
	Sweep(root)
	if isAlive(t, child) {
		t.Error("the process is not killed")
	}
	expectFiles(t, root)
}

// Who may write to the root directory does not command who sweeps it.
func TestSweepObeysItsOwnUserOnly(t *testing.T) {
	if os.Getuid() != 0 {
		t.Fatal("the test needs root, to make a file of another user")
	}
	root := t.TempDir()
	child := dead(t, root, nil)
	if err := os.Chown(filepath.Join(root, theCreating), 65534, 65534); err != nil {
		t.Fatal(err)
	}
	Sweep(root)
	if !isAlive(t, child) {
		t.Error("another user's file had a process killed")
	}
}

// Files that are none are not waited for and not followed.
func TestSweepReadsFilesOnly(t *testing.T) {
	root, elsewhere := t.TempDir(), t.TempDir()
	child := dead(t, elsewhere, nil)
	err := errors.Join(unix.Mkfifo(filepath.Join(root, theCreating), 0o600), os.Symlink(filepath.Join(elsewhere, theCreating), filepath.Join(root, "d_sandbox:d.creating")))
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() { Sweep(root); close(done) }()
	select {
	case <-done:
	case <-time.After(10 * time.Second):
		t.Fatal("the sweep waits for a FIFO")
	}
	if !isAlive(t, child) {
		t.Error("a link was followed")
	}
}

// An id that the engine refuses makes no file anywhere.
func TestBeginRefusesIDs(t *testing.T) {
	root := filepath.Join(t.TempDir(), "root")
	odd := "../x"
	if err := os.MkdirAll(filepath.Join(filepath.Dir(root), "x_sandbox:.."), 0o755); err != nil {
		t.Fatal(err)
	}
	if _, err := Begin(root, ID{SandboxID: odd, ContainerID: odd}, time.Now(), plan(t, true), &specs.Spec{}, nil); err == nil || !strings.Contains(err.Error(), "invalid container id") {
		t.Errorf("%q: %v", odd, err)
	}
}
