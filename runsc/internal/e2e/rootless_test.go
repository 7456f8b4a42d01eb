package e2e

import (
	"fmt"
	"os"
	"slices"
	"testing"

	"github.com/directfs/runsc/runsc/harness"
	"github.com/directfs/runsc/runsc/internal/verify"
)

// nobodys is a user of whom the machine knows nothing.
const nobodys = 12345

// newRootlessLab is a lab whose runtime runs as an unprivileged user.
func newRootlessLab(t *testing.T, flags ...string) *harness.Lab {
	t.Helper()
	lab := newLab(t, append([]string{"--rootless"}, flags...)...)
	var err error
	if lab.Runtime, err = lab.As(nobodys); err != nil {
		t.Fatal(err)
	}
	return lab
}

// Only "run" and "do" exist without root; the engine refuses the others.
func runDetached(t *testing.T, lab *harness.Lab, b *harness.Bundle) *harness.Container {
	t.Helper()
	c, err := lab.RunDetached(harness.Context(t), lab.ID(), b)
	if err != nil {
		t.Fatal(err)
	}
	lab.Keep(t, c)
	return c
}

func TestRootless(t *testing.T) {
	for _, directfs := range []bool{true, false} {
		for _, network := range []string{"none", "host"} {
			t.Run(fmt.Sprintf("%s,network=%s", flag(directfs), network), func(t *testing.T) {
				lab := newRootlessLab(t, flag(directfs), "--network="+network)
				want := access{"/": directfs, "/a": true, "/b": false, "/c": directfs}
				b := lab.Bundle(t, harness.OwnedBy(nobodys),
					harness.Mount("/a"), harness.MountHint("a", "/a", "on"),
					harness.Mount("/b", "rw", "directfs=off"), harness.Mount("/c"),
					harness.Args("serve", "/", "/a", "/b", "/c"))
				c := runDetached(t, lab, b)
				r := readReport(t, c)
				checkOps(t, b, r)
				checkMountOptions(t, want, r)
				checkRootlessSandbox(t, c, true, network == "host")
				checkFilters(t, c)
				checkHeld(t, c, direct(want))
				execGuest(t, c, "ops", "/a", "/b")
				stop(t, lab, c)
			})
		}
	}
}

func TestRootlessWithoutDirectFS(t *testing.T) {
	for _, network := range []string{"none", "host"} {
		t.Run(network, func(t *testing.T) {
			lab := newRootlessLab(t, flag(true), "--network="+network)
			want := access{"/": false, "/a": false}
			b := lab.Bundle(t, harness.OwnedBy(nobodys), harness.RootfsHint("off"),
				harness.Mount("/a"), harness.MountHint("a", "/a", "off"), harness.Args("serve", "/", "/a"))
			c := runDetached(t, lab, b)
			r := readReport(t, c)
			checkOps(t, b, r)
			checkMountOptions(t, want, r)
			checkRootlessSandbox(t, c, false, network == "host")
			checkHeld(t, c, direct(want))
			stop(t, lab, c)
		})
	}
}

// What root sees of a container that a runtime without root started is as planned,
// or a note.
func TestRootlessVerify(t *testing.T) {
	for _, directfs := range both {
		for _, network := range []string{"none", "host"} {
			t.Run(directfs+",network="+network, func(t *testing.T) {
				lab := newRootlessLab(t, "--network="+network)
				b := lab.Bundle(t, harness.OwnedBy(nobodys), harness.RootfsHint(directfs), harness.Mount("/a", "rw", "directfs="+directfs), harness.Args("serve", "/"))
				c := runDetached(t, lab, b)
				readReport(t, c)
				asRoot := *lab.Runtime
				asRoot.User = 0
				report, code, said := runVerify(t, &asRoot, c.ID)
				if code != 0 || report.Verdict != verify.OK {
					t.Errorf("exit status %d, %v, %s: %+v", code, report.Verdict, said, report.Rows)
				}
				stop(t, lab, c)
			})
		}
	}
}

// checkRootlessSandbox expects the sandbox to be the unprivileged user outside,
// with directfs's capabilities over that user's files alone, if at all.
func checkRootlessSandbox(t *testing.T, c *harness.Container, raised, hostNetwork bool) {
	t.Helper()
	s, err := harness.ReadStatus(c.SandboxPID)
	if err != nil {
		t.Fatal(err)
	}
	want := [4]int{nobodys, nobodys, nobodys, nobodys}
	if s.Uid != want || s.Gid != want {
		t.Errorf("user ids of the sandbox are %v, group ids %v, want %d", s.Uid, s.Gid, nobodys)
	}
	if has := s.Effective.Has(harness.DirectFSCaps); has != raised || !raised && s.Effective&harness.DirectFSCaps != 0 {
		t.Errorf("effective capabilities of the sandbox are %v; raised: %v", s.Effective, raised)
	}
	ours, err := harness.UserNamespace(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	its, err := harness.UserNamespace(c.SandboxPID)
	if err != nil {
		t.Fatal(err)
	}
	if its == ours {
		t.Error("the sandbox is in our user namespace")
	}
	inside := uint32(0)
	if !raised && !hostNetwork {
		inside = 65534
	}
	checkMapped(t, c.SandboxPID, harness.IDMap{Inside: inside, Outside: nobodys, Size: 1})
}

// The spec's own user namespace is the sandbox's where it is raised, and the
// gofer's in any case.
func TestUserNamespaceOfTheSpec(t *testing.T) {
	for _, raised := range []bool{true, false} {
		t.Run(fmt.Sprintf("raised=%v", raised), func(t *testing.T) {
			lab := newLab(t, flag(false))
			opts := []harness.Option{harness.UserNS(100000, 65536), harness.Mount("/a"), harness.Mount("/b"),
				harness.Args("serve", "/", "/a", "/b")}
			if raised {
				opts = append(opts, harness.MountHint("a", "/a", "on"))
			}
			c := lab.Serve(t, lab.Bundle(t, opts...))
			want := access{"/": false, "/a": raised, "/b": false}
			r := readReport(t, c)
			checkOps(t, c.Bundle, r)
			checkMountOptions(t, want, r)
			checkHeld(t, c, direct(want))
			checkMapped(t, c.GoferPID, harness.IDMap{Inside: 0, Outside: 100000, Size: 65536})
			if raised {
				checkMapped(t, c.SandboxPID, harness.IDMap{Inside: 0, Outside: 100000, Size: 65536})
			} else {
				checkMapped(t, c.SandboxPID, harness.IDMap{Inside: 65534, Outside: 65534, Size: 1})
			}
			stop(t, lab, c)
		})
	}
}

// checkMapped expects one line in the user id map of the process's namespace.
func checkMapped(t *testing.T, pid int, want harness.IDMap) {
	t.Helper()
	maps, err := harness.UIDMap(pid)
	if err != nil || !slices.Equal(maps, []harness.IDMap{want}) {
		t.Errorf("user ids of process %d are mapped as %v, %v, want %v", pid, maps, err, want)
	}
}
