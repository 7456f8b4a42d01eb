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

// The gofer of a container that joined a sandbox is known when it was noted.
func TestDisownGoferOfMember(t *testing.T) {
	root, self := t.TempDir(), os.Getpid()
	of := func(id ID, noted ...process) {
		t.Helper()
		now := time.Now()
		for suffix, content := range map[string]any{
			engineSuffix: map[string]any{"createdAt": now},
			planSuffix:   planFile{CreatedAt: now, Plan: plan(t, true), Processes: noted},
		} {
			data, err := json.Marshal(content)
			do(t, err)
			do(t, os.WriteFile(path(root, id, suffix), data, 0o600))
		}
	}
	me, err := identify(self)
	do(t, err)
	// One of the sandbox had the PID before.
	of(ofPod, process{PID: self, Start: me.Start + "0", Boot: me.Boot})
	of(inPod)
	before, _, err := readPlan(root, inPod)
	do(t, err)
	c := &container.Container{ID: inPod.ContainerID, Sandbox: &sandbox.Sandbox{ID: "p"}, Saver: container.StateFile{RootDir: root, ID: inPod}}
	check := func(ended bool) {
		t.Helper()
		c.GoferPid.Store(self)
		if got := Disown(c); got != ended {
			t.Errorf("ended: %t, want %t", got, ended)
		}
	}
	do(t, Note(root, inPod, self))
	check(false)
	if after, _, err := readPlan(root, inPod); err != nil || string(after) != string(before) {
		t.Errorf("the Plan was %s and is %s, %v", before, after, err)
	}
	of(ofPod, process{PID: self + 1, Start: "1", Boot: me.Boot})
	check(false)
	of(inPod, process{PID: self, Start: me.Start + "0", Boot: me.Boot})
	check(true)
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
