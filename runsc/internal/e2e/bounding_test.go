package e2e

import (
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"

	"github.com/directfs/runsc/runsc/harness"
	specs "github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"
)

// Every thread of a raised sandbox and of its gofer has the capabilities that it
// needs and no others in any set, whether it gave up the rest of its bounding
// set before the engine's packages were initialised or when the engine does it.
func TestCapabilitiesOfAllThreads(t *testing.T) {
	const chroot = harness.Caps(1 << unix.CAP_SYS_CHROOT)
	hook := specs.Hooks{CreateContainer: []specs.Hook{{Path: "/bin/true", Args: []string{"true"}, Env: os.Environ()}}}
	for _, c := range []struct {
		name        string
		flags       []string
		hooks       *specs.Hooks
		boot, gofer bool // trimmed beforehand
		network     bool
	}{
		{name: "systrap", boot: true, gofer: true},
		{name: "ptrace", flags: []string{"--platform=ptrace"}, boot: true, gofer: true},
		{name: "hook", hooks: &hook, boot: true},
		{name: "host network", flags: []string{"--network=host"}, gofer: true, network: true},
	} {
		t.Run(c.name, func(t *testing.T) {
			lab := newLab(t, append([]string{"--directfs=true"}, c.flags...)...)
			logTo(t, lab)
			b := lab.Bundle(t, harness.Mount("/a", "rw"), harness.Args("serve"))
			b.Spec.Hooks = c.hooks
			if err := b.Save(); err != nil {
				t.Fatal(err)
			}
			container := lab.Serve(t, b)
			readReport(t, container)
			expectTrimmed(t, lab, container, "boot", c.boot)
			expectTrimmed(t, lab, container, "gofer", c.gofer)
			for _, s := range threads(t, container.SandboxPID) {
				if want := harness.DirectFSCaps | 1<<unix.CAP_SYS_PTRACE; s.Bounding&want != want || s.Bounding != want && !c.network {
					t.Errorf("sandbox: bounding set %v, want %v", s.Bounding, want)
				}
				if s.Effective != s.Bounding || s.Permitted != s.Bounding || s.Inheritable != 0 || s.Ambient != 0 {
					t.Errorf("sandbox: %+v", s)
				}
			}
			for _, s := range threads(t, container.GoferPID) {
				if want := harness.DirectFSCaps | chroot; s.Bounding != want || s.Effective != want || s.Permitted != want {
					t.Errorf("gofer: bounding set %v, effective %v, permitted %v, want %v", s.Bounding, s.Effective, s.Permitted, want)
				}
			}
			stop(t, lab, container)
		})
	}
}

func expectTrimmed(t *testing.T, lab *harness.Lab, c *harness.Container, process string, want bool) {
	t.Helper()
	log, err := lab.Log(c.ID, process)
	if err != nil || !strings.Contains(log, fmt.Sprintf("Bounding set trimmed beforehand: %t", want)) {
		t.Errorf("%s: %v, %q, want %t", process, err, lineWith(log, "trimmed beforehand"), want)
	}
}

func threads(t *testing.T, pid int) []harness.Status {
	t.Helper()
	entries, err := os.ReadDir(fmt.Sprintf("/proc/%d/task", pid))
	if err != nil {
		t.Fatal(err)
	}
	var all []harness.Status
	for _, e := range entries {
		tid, err := strconv.Atoi(e.Name())
		if err != nil {
			t.Fatal(err)
		}
		s, err := harness.ReadStatus(tid)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, s)
	}
	if len(all) < 2 {
		t.Fatalf("process %d has %d threads", pid, len(all))
	}
	return all
}

// These packages are worth their while only before the packages that take long.
func TestPreinitIsInitialisedFirst(t *testing.T) {
	lab := newLab(t)
	const ours, engine = "init github.com/directfs/runsc/runsc/internal/", "init gvisor.dev/gvisor/pkg/sentry/syscalls/linux "
	cmd := exec.Command(lab.Binary, "--version")
	cmd.Env = append(os.Environ(), "GODEBUG=inittrace=1")
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	for _, name := range []string{"preinit", "firstprocess"} {
		first, rest := strings.Index(string(out), ours+name+" "), strings.Index(string(out), engine)
		if first < 0 || rest < first {
			t.Errorf("the first lines that start with %q and %q are at bytes %d and %d", ours+name, engine, first, rest)
		}
		// Whatever takes part in saving a sandbox comes late.
		if n := strings.Count(string(out[:max(first, 0)]), "init gvisor.dev/gvisor/pkg/sentry"); n > 3 {
			t.Errorf("%s is initialised after %d packages of the engine's sentry", name, n)
		}
	}
}
