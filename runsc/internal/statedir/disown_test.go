package statedir

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"
	"time"

	specs "github.com/opencontainers/runtime-spec/specs-go"
	"gvisor.dev/gvisor/runsc/container"
	"gvisor.dev/gvisor/runsc/sandbox"
)

// A container knows only those as its own that were started for it.
func TestDisown(t *testing.T) {
	first := ID{SandboxID: "s", ContainerID: "s"}
	self, err := identify(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	reused, rebooted := self, self
	reused.Start += "0"
	rebooted.Boot = "00000000-0000-0000-0000-000000000000"
	rebooted.PID++
	for name, c := range map[string]struct {
		noted []process
		of    time.Duration // how much older the plan's container is
		gone  bool
	}{
		"lives":        {noted: []process{self}},
		"reused":       {noted: []process{reused}, gone: true},
		"rebooted":     {noted: []process{rebooted}, gone: true},
		"not noted":    {noted: []process{{PID: self.PID + 1, Start: "1", Boot: self.Boot}}},
		"nothing":      {},
		"another plan": {noted: []process{rebooted}, of: time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			root, now := t.TempDir(), time.Now()
			for suffix, content := range map[string]any{
				engineSuffix: map[string]any{"createdAt": now},
				planSuffix:   planFile{CreatedAt: now.Add(-c.of), Plan: plan(t, true), Processes: c.noted},
			} {
				data, err := json.Marshal(content)
				if err == nil {
					err = os.WriteFile(path(root, first, suffix), data, 0o600)
				}
				if err != nil {
					t.Fatal(err)
				}
			}
			there := &container.Container{ID: "s", Sandbox: &sandbox.Sandbox{ID: "s"}, Saver: container.StateFile{RootDir: root, ID: first}}
			there.Sandbox.Pid.Store(self.PID)
			if gone := Disown(there); gone != c.gone || (there.Sandbox.Pid.Load() == 0) != c.gone {
				t.Errorf("ended: %t, PID %d", gone, there.Sandbox.Pid.Load())
			}
		})
	}
}

// What was started is still known when the container is there.
func TestFinishKeepsProcesses(t *testing.T) {
	root := t.TempDir()
	c, err := Begin(root, id, time.Now(), plan(t, true), &specs.Spec{}, nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := c.AddProcess(os.Getpid()); err != nil {
		t.Fatal(err)
	}
	save(t, root, time.Now())
	if created, err := c.Finish(); !created || err != nil {
		t.Fatal(created, err)
	}
	if all := startedFor(root, id); len(all) != 1 || all[0].PID != os.Getpid() {
		t.Errorf("%+v in %s", all, filepath.Join(root, thePlan))
	}
}
