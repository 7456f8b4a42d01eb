package e2e

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"github.com/directfs/runsc/runsc/harness"
	specs "github.com/opencontainers/runtime-spec/specs-go"
)

// Overlays of the sentry are in the first container of a pod and in those that
// join, each behind a first process of its own.
func TestOverlaySentryInPod(t *testing.T) {
	for _, directfs := range []bool{true, false} {
		t.Run(flag(directfs), func(t *testing.T) {
			lab := newLab(t, flag(directfs))
			first, second, third := newStack(t, lab, "1", 2), newStack(t, lab, "2", 2), newStack(t, lab, "3", 2).readOnly()
			pause := lab.Serve(t, lab.Bundle(t, harness.PodSandbox(), first.at("/ov", bySentry), harness.Args("serve", "/ov")))
			b := lab.Bundle(t, harness.PodMember(pause.ID, "app"), second.at("/ov", bySentry), third.at("/ow", bySentry), harness.Mount("/a"), harness.Args("serve", "/ov"))
			member, err := lab.Create(harness.Context(t), lab.ID(), b)
			if err != nil {
				t.Fatal(err)
			}
			lab.Keep(t, member)
			second.checkUnlocked(t) // its gofer comes when it starts
			if err := member.Start(harness.Context(t)); err != nil {
				t.Fatal(err)
			}
			for _, c := range []*harness.Container{pause, member} {
				r := readReport(t, c)
				checkOpsInside(t, r)
				if m, ok := r.Mount("/ov"); !ok || m.Type != "overlay" {
					t.Errorf("at /ov is %+v", m)
				}
			}
			execGuest(t, member, "roops", "/ow")
			if got := readFile(t, first.upper+"/kept") + readFile(t, second.upper+"/kept"); strings.Count(got, "kept by guest\n") != 2 {
				t.Errorf("the uppers have %q", got)
			}
			for c, all := range map[*harness.Container][]stack{pause: {first}, member: {second, third}} {
				for _, s := range all {
					var want []string
					if directfs {
						want = s.names()
					}
					s.checkHeldLayers(t, c, want...)
				}
			}
			command(t, lab.Runtime, "policy", "verify", pause.ID)
			command(t, lab.Runtime, "policy", "verify", member.ID)
			stop(t, lab, member)
			second.checkUnlocked(t)
			if locks := first.lockFDs(t, pause.GoferPID); len(locks) < 2 {
				t.Errorf("the gofer of the first container holds %v", locks)
			}
			stop(t, lab, pause)
			first.checkUnlocked(t)
		})
	}
}

// In a PID namespace that two containers share, one sees the other's process as
// the container's program, and cannot reach the layers by it.
func TestOverlaySentrySharedPIDs(t *testing.T) {
	lab := newLab(t)
	s, own := newStack(t, lab, "s", 2), newStack(t, lab, "own", 2)
	pause := servePod(t, lab, lab.Runtime, true, harness.PodSandbox(), own.at("/ov", bySentry))
	shared := harness.Edit(func(spec *specs.Spec) {
		for i := range spec.Linux.Namespaces {
			if spec.Linux.Namespaces[i].Type == specs.PIDNamespace {
				spec.Linux.Namespaces[i].Path = fmt.Sprintf("/proc/%d/ns/pid", pause.SandboxPID)
			}
		}
		spec.Process.Capabilities = allCapabilities
	})
	member := lab.Serve(t, lab.Bundle(t, harness.PodMember(pause.ID, "app"), shared, s.at("/ov", bySentry), harness.Args("serve", "/ov")))
	checkOpsInside(t, readReport(t, member))
	watcher := lab.Serve(t, lab.Bundle(t, harness.PodMember(pause.ID, "app"), shared, harness.Args("serve")))
	readReport(t, watcher)
	isNumber := func(r rune) bool { return r < '0' || r > '9' }
	served := 0
	for _, pid := range strings.FieldsFunc(execGuest(t, watcher, "list", "/proc"), isNumber) {
		res, err := watcher.Exec(harness.Context(t), "cat", "/proc/"+pid+"/cmdline")
		if err != nil || strings.Contains(res.Stdout, "runsc") {
			t.Errorf("process %s is %+v, %v", pid, res, err)
		}
		if strings.HasPrefix(res.Stdout, "/guest\x00serve") {
			served++
		}
	}
	if served != 3 {
		t.Errorf("%d of the pod's processes are seen", served)
	}
	stop(t, lab, pause, member, watcher)
}

// A first process of a joining container that fails fails its start, and not the
// pod.
func TestOverlaySentryMemberFails(t *testing.T) {
	for name, f := range failingProcesses {
		t.Run(name, func(t *testing.T) {
			lab := newLab(t)
			s := newStack(t, lab, "s", 2)
			pause := servePod(t, lab, lab.Runtime, true, harness.PodSandbox())
			build := func() *harness.Bundle {
				b := lab.Bundle(t, harness.PodMember(pause.ID, "app"), s.at("/ov", bySentry), harness.Edit(func(spec *specs.Spec) { f.edit(spec.Process) }))
				layText(t, filepath.Join(b.Rootfs(), "plain"), "x")
				return b
			}
			c, err := lab.Create(harness.Context(t), lab.ID(), build())
			if err != nil {
				t.Fatal(err)
			}
			err = c.Start(harness.Context(t))
			if err == nil || !strings.Contains(err.Error(), "start: starting container: ") || !strings.Contains(err.Error(), "failed to load") && !strings.Contains(err.Error(), "in PATH") {
				t.Errorf("start: %v", err)
			}
			if state, err := c.State(harness.Context(t)); err != nil || state.Status != specs.StateStopped {
				t.Errorf("state is %q, %v", state.Status, err)
			}
			command(t, lab.Runtime, "delete", c.ID)
			lab.CheckGone(t, c.ID)
			s.checkUnlocked(t)
			for _, args := range [][]string{{"run"}, {"run", "--detach"}} {
				id := lab.ID()
				res, err := lab.Command(harness.Context(t), append(args, "--bundle="+build().Dir, id)...)
				if err != nil || res.ExitCode != 128 {
					t.Errorf("%q: %+v, %v", args, res, err)
				}
				lab.CheckGone(t, id)
				s.checkUnlocked(t)
			}
			c = lab.Serve(t, lab.Bundle(t, harness.PodMember(pause.ID, "app"), s.at("/ov", bySentry), harness.Args("serve", "/ov")))
			checkOpsInside(t, readReport(t, c))
			stop(t, lab, pause, c)
		})
	}
}

// One directory is the upper layer of one container, whoever makes the overlay.
func TestOverlaySentryUpperInUse(t *testing.T) {
	lab := newLab(t)
	s := newStack(t, lab, "s", 2)
	pause := servePod(t, lab, lab.Runtime, true, harness.PodSandbox())
	one, two := createTwoMembers(t, lab, pause, s.at("/ov", bySentry), harness.Args("serve", "/ov"))
	if err := one.Start(harness.Context(t)); err != nil {
		t.Fatal(err)
	}
	checkOpsInside(t, readReport(t, one))
	by := fmt.Sprintf("container %q (process %d)", one.ID, one.GoferPID)
	if err := two.Start(harness.Context(t)); err == nil || !strings.Contains(err.Error(), `mount "/ov": overlay option upperdir "`+s.upper+`": is in use by `+by) {
		t.Errorf("the second container: %v", err)
	}
	for _, driver := range identityDrivers {
		for _, opts := range [][]harness.Option{nil, {harness.PodMember(pause.ID, "app")}} {
			_, err := lab.Create(harness.Context(t), lab.ID(), lab.Bundle(t, append(opts, s.at("/ow", byDriver(driver)), harness.Args("serve"))...))
			if err == nil || !strings.Contains(err.Error(), `"`+s.upper+`": is in use by `+by) {
				t.Errorf("a third one with the driver %s: %v", driver, err)
			}
		}
	}
	stop(t, lab, one)
	if err := two.Start(harness.Context(t)); err != nil {
		t.Fatal(err)
	}
	execGuest(t, two, "ops", "/ov")
	remove(t, lab, two)
	stop(t, lab, pause)
	s.checkUnlocked(t)
}
