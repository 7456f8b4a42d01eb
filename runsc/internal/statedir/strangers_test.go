package statedir

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"
	"time"

	specs "github.com/opencontainers/runtime-spec/specs-go"
)

// The engine's state knows processes by their PIDs alone, and kills whatever has
// them. When a client has died long ago, that may be anybody.
func TestSweepLeavesStrangersWithOldPIDs(t *testing.T) {
	for _, number := range []string{"pid", "goferPid"} {
		t.Run(number, func(t *testing.T) {
			root, first := t.TempDir(), ID{SandboxID: "s", ContainerID: "s"}
			c, err := Begin(root, first, time.Now(), plan(t, true), &specs.Spec{}, nil)
			if err != nil {
				t.Fatal(err)
			}
			stranger := exec.Command("/bin/sleep", "1000")
			if err := stranger.Start(); err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = stranger.Process.Kill(); _ = stranger.Wait() })
			sandbox := map[string]any{"id": "s", "mountHints": map[string]any{}}
			state := map[string]any{"id": "s", "createdAt": time.Now(), "spec": &specs.Spec{}, "sandbox": sandbox, "saver": map[string]any{"rootDir": root, "id": first}}
			map[string]map[string]any{"pid": sandbox, "goferPid": state}[number][number] = stranger.Process.Pid
			data, err := json.Marshal(state)
			if err == nil {
				err = os.WriteFile(filepath.Join(root, "s_sandbox:s.state"), data, 0o600)
			}
			if err != nil {
				t.Fatal(err)
			}
			c.die(t)
			Sweep(root)
			if !isAlive(t, stranger) {
				t.Error("a stranger was killed")
			}
			expectFiles(t, root)
		})
	}
}

// A process that says hello again and again is noted once, and the file has
// room for no crowd.
func TestAddProcessIsBounded(t *testing.T) {
	root := t.TempDir()
	c := begin(t, root, true)
	size := func() int64 {
		info, err := os.Stat(filepath.Join(root, theCreating))
		if err != nil {
			t.Fatal(err)
		}
		return info.Size()
	}
	if err := c.AddProcess(os.Getpid()); err != nil {
		t.Fatal(err)
	}
	before := size()
	for range 1000 {
		if err := c.AddProcess(os.Getpid()); err != nil {
			t.Fatal(err)
		}
	}
	if now := size(); now != before {
		t.Errorf("%d bytes have become %d", before, now)
	}
	c.record.Processes = slices.Repeat([]process{{PID: 1}}, maxProcesses)
	if err := c.AddProcess(os.Getpid()); err == nil {
		t.Error("a crowd is noted")
	}
	c.die(t)
}
