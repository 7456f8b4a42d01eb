package e2e

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/directfs/runsc/runsc/harness"
)

// Texts of a plan file.
const (
	planText   = `"plan":{"version":5,`
	planOf99   = `"plan":{"version":99,`
	createdAt  = `"createdAt":"2`
	createdAgo = `"createdAt":"1` // a thousand years before: of another container
	flagOn     = `"reason":"flag-on"`
	flagOff    = `"reason":"flag-off"`
)

const noPlan = "container has no directfs plan; it was created by another runtime or version: delete it and create it again"

// planPath finds the file that keeps a container's Plan.
func planPath(t *testing.T, r *harness.Runtime, id string) string {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join(r.Root, id+"_sandbox:*.plan"))
	if err != nil || len(paths) != 1 {
		t.Fatalf("plan files of %s: %q, %v", id, paths, err)
	}
	return paths[0]
}

// tamper replaces a text in a container's plan file and returns a function
// that puts the file back.
func tamper(t *testing.T, r *harness.Runtime, id string, old, new string) (undo func()) {
	t.Helper()
	return tamperFile(t, planPath(t, r, id), old, new)
}

// tamperState is tamper for the engine's file.
func tamperState(t *testing.T, r *harness.Runtime, id string, old, new string) (undo func()) {
	t.Helper()
	return tamperFile(t, readStored(t, r, id).path, old, new)
}

func tamperFile(t *testing.T, path, old, new string) (undo func()) {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	changed := bytes.Replace(data, []byte(old), []byte(new), 1)
	if bytes.Equal(changed, data) {
		t.Fatalf("%s is not in %s: %s", old, path, data)
	}
	write := func(data []byte) {
		if err := os.WriteFile(path, data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write(changed)
	return func() { write(data) }
}

// A member must fit in its sandbox. Where the sandbox's Plan cannot be read,
// nobody knows whether it does.
func TestMemberOfSandboxWithBadPlan(t *testing.T) {
	lab := newLab(t)
	pause := servePod(t, lab, lab.Runtime, true, harness.PodSandbox())
	b := lab.Bundle(t, harness.PodMember(pause.ID, "app"), harness.Args("serve", "/"))
	for _, c := range []struct{ old, new, message string }{
		{planText, planOf99, "stored plan: unsupported plan version: 99, where 2 to 5 can be read; delete the container and create it again"},
		{createdAt, createdAgo, noPlan},
	} {
		undo := tamper(t, lab.Runtime, pause.ID, c.old, c.new)
		for _, command := range []string{"create", "run"} {
			checkRefusedBy(t, lab, lab.Runtime, `sandbox "`+pause.ID+`": `+c.message, command, "--bundle="+b.Dir)
		}
		undo()
	}
	member := lab.Serve(t, b)
	readReport(t, member)
	stop(t, lab, pause, member)
}

// A container is started by the Plan that it was created with, or not at all.
func TestStartWithBadPlan(t *testing.T) {
	lab := newLab(t)
	pause := servePod(t, lab, lab.Runtime, true, harness.PodSandbox())
	for _, b := range []*harness.Bundle{
		lab.Bundle(t, harness.Args("serve", "/")),
		lab.Bundle(t, harness.PodMember(pause.ID, "app"), harness.Args("serve", "/")),
	} {
		c, err := lab.Create(harness.Context(t), lab.ID(), b)
		if err != nil {
			t.Fatal(err)
		}
		lab.Keep(t, c)
		for _, change := range []struct{ old, new, message string }{
			{planText, planOf99, "stored plan: unsupported plan version: 99, where 2 to 5 can be read; delete the container and create it again"},
			{createdAt, createdAgo, noPlan},
			{flagOn, flagOff, `stored plan: invalid plan: mount "/": directfs cannot have the reason flag-off with key "", backend "" and --directfs=true; delete the container and create it again`},
		} {
			undo := tamper(t, lab.Runtime, c.ID, change.old, change.new)
			res, err := lab.Command(harness.Context(t), "start", c.ID)
			if err != nil {
				t.Fatal(err)
			}
			checkMessage(t, res, "start: "+change.message)
			undo()
		}
		// The refusals did no harm.
		if err := c.Start(harness.Context(t)); err != nil {
			t.Fatal(err)
		}
		checkOps(t, b, readReport(t, c))
		stop(t, lab, c)
	}
	stop(t, lab, pause)
}

// The engine prefers a program beside the runtime to the runtime's own sandbox
// process. It would know nothing of any Plan.
func TestSidecarSentry(t *testing.T) {
	lab := newLab(t)
	tempTo(t, lab)
	dir, err := os.MkdirTemp(lab.Dir, "b")
	if err != nil {
		t.Fatal(err)
	}
	beside := *lab.Runtime
	beside.Binary = filepath.Join(dir, "runsc")
	if out, err := exec.CommandContext(harness.Context(t), "cp", lab.Binary, beside.Binary).CombinedOutput(); err != nil {
		t.Fatalf("copy runsc: %v: %s", err, out)
	}
	sentry := filepath.Join(dir, "gvisor-bin", "gvisor_sentry")
	if err := os.Mkdir(filepath.Dir(sentry), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(sentry, []byte("#!/bin/false\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	message := `sidecar binary "` + sentry + `" would run in place of this runtime's sandbox process and ignore the directfs plan; ` +
		"remove it, or install this runtime in a directory without gvisor-bin"
	b := lab.Bundle(t)
	for _, command := range []string{"create", "run", "restore"} {
		checkRefusedBy(t, lab, &beside, message, command, "--bundle="+b.Dir)
	}
	checkRefusedBy(t, lab, &beside, message, "do", "--root="+b.Rootfs(), harness.GuestPath)
	checkRefusedBy(t, lab, &beside, message, "sandboxexec", harness.GuestPath)

	if err := os.Remove(sentry); err != nil {
		t.Fatal(err)
	}
	if res, err := beside.Run(harness.Context(t), lab.ID(), b); err != nil || res.ExitCode != 0 {
		t.Errorf("without it: %+v, %v", res, err)
	}
}
