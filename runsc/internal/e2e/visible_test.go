package e2e

import (
	"encoding/json"
	"maps"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/directfs/runsc/runsc/harness"
	specs "github.com/opencontainers/runtime-spec/specs-go"
)

// recordingHooks write what each hook reads, and which FDs it has, to files in
// a directory.
func recordingHooks(dir string) specs.Hooks {
	hook := func(name string) []specs.Hook {
		script := "cat > " + filepath.Join(dir, name) + "; ls -l /proc/self/fd > " + filepath.Join(dir, name+".fds")
		return []specs.Hook{{Path: "/bin/sh", Args: []string{"sh", "-c", script}}}
	}
	return specs.Hooks{
		//lint:ignore SA1019 docker still sends prestart hooks
		Prestart: hook("prestart"), CreateRuntime: hook("createRuntime"), CreateContainer: hook("createContainer"),
		Poststart: hook("poststart"), Poststop: hook("poststop"),
	}
}

// checkHooks expects every hook to have read the bundle's annotations.
func checkHooks(t *testing.T, dir string, names []string, want map[string]string) {
	t.Helper()
	for _, name := range names {
		data, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			t.Error(err)
			continue
		}
		checkAnnotations(t, name, data, want)
		fds, err := os.ReadFile(filepath.Join(dir, name+".fds"))
		if err != nil {
			t.Error(err)
		}
		// The gofer has not closed what the engine gave it.
		if name != "createContainer" && strings.Contains(string(fds), "socket:") {
			t.Errorf("%s has a socket: %s", name, fds)
		}
	}
}

func checkAnnotations(t *testing.T, where string, state []byte, want map[string]string) {
	t.Helper()
	var s specs.State
	if err := json.Unmarshal(state, &s); err != nil {
		t.Fatalf("%s: %v: %s", where, err, state)
	}
	if !maps.Equal(s.Annotations, want) {
		t.Errorf("%s shows\n  %v\nthe user wrote\n  %v", where, s.Annotations, want)
	}
}

// A container's state, and what its hooks are told, have the annotations that
// the user wrote: all of them, and nothing else.
func TestStateShowsTheUsersAnnotations(t *testing.T) {
	lab := newLab(t)
	hints := []harness.Option{
		harness.Mount("/a"), harness.Mount("/b"), harness.RootfsHint("on"), harness.MountHint("a", "/a", "off"),
		harness.MountHint("b", "/b", "on"), harness.Annotation("some", "thing"), harness.Args("serve"),
	}
	pause := servePod(t, lab, lab.Runtime, true, harness.PodSandbox())
	for name, opts := range map[string][]harness.Option{
		"standalone": hints, "member": append(hints, harness.PodMember(pause.ID, "app")), "none": {harness.Args("serve")},
	} {
		dir, err := os.MkdirTemp(lab.Dir, "b")
		if err != nil {
			t.Fatal(err)
		}
		b := lab.Bundle(t, append(opts, harness.Hooks(recordingHooks(dir)))...)
		c, err := lab.Create(harness.Context(t), lab.ID(), b)
		if err != nil {
			t.Fatal(err)
		}
		lab.Keep(t, c)
		want := b.Spec.Annotations
		check := func(when string) {
			res, err := lab.Command(harness.Context(t), "state", c.ID)
			if err != nil {
				t.Fatal(err)
			}
			checkAnnotations(t, name+" "+when, []byte(res.Stdout), want)
		}
		check("created")
		if err := c.Start(harness.Context(t)); err != nil {
			t.Fatal(err)
		}
		readReport(t, c)
		check("started")
		checkNoClientSocket(t, c)
		stop(t, lab, c)
		checkHooks(t, dir, []string{"prestart", "createRuntime", "createContainer", "poststart", "poststop"}, want)
	}
	stop(t, lab, pause)
}

// checkNoClientSocket expects no process of a running container to be connected
// to the client that made it.
func checkNoClientSocket(t *testing.T, c *harness.Container) {
	t.Helper()
	table, err := os.ReadFile("/proc/net/unix")
	if err != nil {
		t.Fatal(err)
	}
	inodes := map[string]bool{}
	for line := range strings.Lines(string(table)) {
		if f := strings.Fields(line); len(f) > 7 && strings.HasPrefix(f[7], "@runsc-client/") {
			inodes["socket:["+f[6]+"]"] = true
		}
	}
	for _, pid := range []int{c.SandboxPID, c.GoferPID} {
		fds, err := filepath.Glob(filepath.Join("/proc", strconv.Itoa(pid), "fd", "*"))
		if err != nil || pid != 0 && len(fds) == 0 {
			t.Errorf("FDs of %d: %d, %v", pid, len(fds), err)
		}
		for _, fd := range fds {
			if to, err := os.Readlink(fd); err == nil && inodes[to] {
				t.Errorf("process %d is connected to its client: %s", pid, to)
			}
		}
	}
}

// The Plan of a container that is gone is gone, and a container does not have
// that of another.
func TestPlanFileGoesWithItsContainer(t *testing.T) {
	lab := newLab(t)
	c := lab.Serve(t, lab.Bundle(t, harness.Args("serve")))
	readReport(t, c)
	path := planPath(t, lab.Runtime, c.ID)
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the plan file: %v, %v", info.Mode(), err)
	}
	old, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	stop(t, lab, c)
	if err := os.WriteFile(path, old, 0o600); err != nil {
		t.Fatal(err)
	}
	if res, err := lab.Command(harness.Context(t), "list"); err != nil || res.ExitCode != 0 {
		t.Errorf("list: %+v, %v", res, err)
	}
	if _, err := os.Stat(path); !os.IsNotExist(err) {
		t.Errorf("an orphaned plan file is still there: %v", err)
	}
	// One that comes back under a container of the same id is not its own.
	b := lab.Bundle(t, harness.Args("serve"))
	d, err := lab.Create(harness.Context(t), c.ID, b)
	if err != nil {
		t.Fatal(err)
	}
	lab.Keep(t, d)
	if err := os.WriteFile(path, old, 0o600); err != nil {
		t.Fatal(err)
	}
	res, err := lab.Command(harness.Context(t), "start", d.ID)
	if err != nil {
		t.Fatal(err)
	}
	checkMessage(t, res, "start: "+noPlan)
	if res, err := lab.Command(harness.Context(t), "delete", d.ID); err != nil || res.ExitCode != 0 {
		t.Errorf("delete: %+v, %v", res, err)
	}
}
