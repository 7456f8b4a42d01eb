package statedir

import (
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/directfs/runsc/directfspolicy"
	"github.com/directfs/runsc/runsc/internal/engine"
	specs "github.com/opencontainers/runtime-spec/specs-go"
	"gvisor.dev/gvisor/runsc/container"
)

var id = ID{SandboxID: "s", ContainerID: "c"}

func plan(t *testing.T, flag bool) directfspolicy.Plan {
	t.Helper()
	p, err := directfspolicy.Resolve(directfspolicy.Request{Container: directfspolicy.Container{Flag: flag}, Rootfs: directfspolicy.Mount{Destination: "/", Backend: directfspolicy.StockGofer}})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// save writes what the engine saves of a container.
func save(t *testing.T, root string, created time.Time) *container.Container {
	t.Helper()
	c := &container.Container{ID: id.ContainerID, Spec: &specs.Spec{}, CreatedAt: created, Saver: container.StateFile{RootDir: root, ID: id}}
	data, err := json.Marshal(map[string]any{"id": c.ID, "createdAt": created})
	if err == nil {
		err = os.WriteFile(path(root, id, engineSuffix), data, 0o640)
	}
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func begin(t *testing.T, root string, flag bool) *Creation {
	t.Helper()
	c, err := Begin(root, id, time.Now(), plan(t, flag), &specs.Spec{}, nil)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func expectFiles(t *testing.T, root string, want ...string) {
	t.Helper()
	got, err := names(root)
	slices.Sort(got)
	if err != nil || !slices.Equal(got, want) {
		t.Errorf("files %q, %v, want %q", got, err, want)
	}
}

const (
	theState    = "c_sandbox:s.state"
	thePlan     = "c_sandbox:s.plan"
	theCreating = "c_sandbox:s.creating"
)

func TestPlanOfContainer(t *testing.T) {
	root := t.TempDir()
	creation := begin(t, root, true)
	if created, err := creation.Finish(); created || err != nil {
		t.Fatalf("finished without a container: %v", err)
	}
	c := save(t, root, time.Now())
	// Hooks run before the Plan is stored.
	if p, err := LoadPlan(c); err != nil || !reflect.DeepEqual(p, plan(t, true)) {
		t.Errorf("while it is created: %v, %v", p, err)
	}
	for range 2 {
		if created, err := creation.Finish(); !created || err != nil {
			t.Fatalf("finish: %v", err)
		}
	}
	expectFiles(t, root, thePlan, theState)
	if p, err := LoadPlan(c); err != nil || !reflect.DeepEqual(p, plan(t, true)) {
		t.Errorf("stored: %v, %v", p, err)
	}
	if info, err := os.Stat(filepath.Join(root, thePlan)); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
	// Another container with the same id.
	c.CreatedAt = c.CreatedAt.Add(time.Nanosecond)
	if p, err := LoadPlan(c); !errors.Is(err, engine.ErrNoPlan) {
		t.Errorf("another container has the plan %v, %v", p, err)
	}
	if err := Forget(root, id); err != nil {
		t.Error(err)
	}
	expectFiles(t, root, thePlan, theState)
	if err := os.Remove(filepath.Join(root, theState)); err != nil {
		t.Fatal(err)
	}
	if err := Forget(root, id); err != nil {
		t.Error(err)
	}
	expectFiles(t, root)
}

func TestContainerOfEarlierVersion(t *testing.T) {
	b, err := json.Marshal(plan(t, true))
	if err != nil {
		t.Fatal(err)
	}
	c := save(t, t.TempDir(), time.Now())
	c.Spec.Annotations = map[string]string{"dev.gvisor.internal.directfs-plan": string(b)}
	if p, err := LoadPlan(c); err != nil || !reflect.DeepEqual(p, plan(t, true)) {
		t.Errorf("%v, %v", p, err)
	}
}

func TestBeginTwice(t *testing.T) {
	root := t.TempDir()
	c := begin(t, root, true)
	if _, err := Begin(root, id, time.Now(), plan(t, true), &specs.Spec{}, nil); !errors.Is(err, ErrBeingCreated) {
		t.Errorf("begun twice: %v", err)
	}
	if err := c.Abandon(); err != nil {
		t.Error(err)
	}
	expectFiles(t, root)
	save(t, root, time.Now())
	if _, err := Begin(root, id, time.Now(), plan(t, true), &specs.Spec{}, nil); !errors.Is(err, ErrExists) {
		t.Errorf("begun where there is a container: %v", err)
	}
	expectFiles(t, root, theState)
}

// die ends a creation as the death of its process does.
func (c *Creation) die(t *testing.T) {
	t.Helper()
	if err := c.file.Close(); err != nil {
		t.Fatal(err)
	}
}

func TestSweepLeavesTheLiving(t *testing.T) {
	root := t.TempDir()
	c := begin(t, root, true)
	Sweep(root)
	expectFiles(t, root, theCreating)
	save(t, root, time.Now())
	if _, err := c.Finish(); err != nil {
		t.Fatal(err)
	}
	Sweep(root)
	expectFiles(t, root, thePlan, theState)
}

// Of a client that died nothing is left: not what it started, and not what the
// engine made for it.
func TestSweepUndoesTheDead(t *testing.T) {
	root, rootfs, id := t.TempDir(), t.TempDir(), ID{ContainerID: "s", SandboxID: "s"}
	spec := &specs.Spec{Root: &specs.Root{Path: rootfs}}
	cgroup := filepath.Join(t.TempDir(), "parent", "child")
	files := engine.Files(root, id.SandboxID, spec)
	c, err := Begin(root, id, time.Now(), plan(t, true), spec, []string{cgroup})
	if err != nil {
		t.Fatal(err)
	}
	victim := exec.Command("/bin/sleep", "1000")
	if err := victim.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- victim.Wait() }()
	if err := errors.Join(c.AddProcess(victim.Process.Pid), os.MkdirAll(cgroup, 0o755)); err != nil {
		t.Fatal(err)
	}
	for _, f := range append(files, path(root, id, ".lock")) {
		if err := os.WriteFile(f, nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	c.die(t)
	Sweep(root)
	expectFiles(t, root)
	expectFiles(t, rootfs)
	expectFiles(t, filepath.Dir(filepath.Dir(cgroup)))
	if err := <-ended; err == nil || !strings.Contains(err.Error(), "killed") {
		t.Errorf("the process ended with %v", err)
	}
}

// A process that has another's PID is not killed.
func TestSweepKnowsProcesses(t *testing.T) {
	p, err := identify(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	p.Start += "0"
	if err := end([]process{p}); err != nil {
		t.Error(err)
	}
}

// What was there before is not the dead client's.
func TestSweepLeavesOthersFiles(t *testing.T) {
	root := t.TempDir()
	socket := filepath.Join(root, "runsc-s.sock")
	if err := os.WriteFile(socket, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	c, err := Begin(root, ID{ContainerID: "s", SandboxID: "s"}, time.Now(), plan(t, true), &specs.Spec{}, nil)
	if err != nil {
		t.Fatal(err)
	}
	c.die(t)
	Sweep(root)
	expectFiles(t, root, "runsc-s.sock")
}

func TestSweepOrphans(t *testing.T) {
	root := t.TempDir()
	for _, name := range []string{thePlan, "d_sandbox:d.plan", "." + thePlan + ".123.tmp", "else.plan", "d_sandbox:d.state"} {
		if err := os.WriteFile(filepath.Join(root, name), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	Sweep(root)
	expectFiles(t, root, "d_sandbox:d.plan", "d_sandbox:d.state", "else.plan")
	Sweep(filepath.Join(root, "none"))
}

// The engine lists its own files only.
func TestEngineSeesNone(t *testing.T) {
	root := t.TempDir()
	begin(t, root, true)
	if err := os.WriteFile(filepath.Join(root, thePlan), []byte("{}"), 0o600); err != nil {
		t.Fatal(err)
	}
	if all, err := container.List(root); err != nil || len(all) != 0 {
		t.Errorf("the engine lists %v, %v", all, err)
	}
	save(t, root, time.Now())
	if all, err := container.List(root); err != nil || !slices.Equal(all, []ID{id}) {
		t.Errorf("the engine lists %v, %v", all, err)
	}
}
