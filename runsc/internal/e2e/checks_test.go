package e2e

import (
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/directfs/runsc/runsc/harness"
	"github.com/directfs/runsc/runsc/internal/e2e/guest/report"
	"golang.org/x/sys/unix"
)

// checkOps expects every file operation to have passed, and the kept files to
// be on the host.
func checkOps(t *testing.T, b *harness.Bundle, r report.Report) {
	t.Helper()
	for _, o := range r.Ops {
		if !o.OK {
			t.Errorf("operations in %s failed at %s", o.Dir, o.Failed)
			continue
		}
		path := filepath.Join(b.Source(o.Dir), report.KeptName)
		kept, err := os.ReadFile(path)
		if err != nil || string(kept) != report.KeptText {
			t.Errorf("on the host, %s has %q (error: %v), want %q", path, kept, err, report.KeptText)
		}
	}
}

// checkMountOptions expects the option "directfs" in the guest's mount table on
// the mounts that are to have it, and nowhere else.
func checkMountOptions(t *testing.T, direct map[string]bool, r report.Report) {
	t.Helper()
	for destination := range direct {
		if m, ok := r.Mount(destination); !ok || m.Type != report.GoferType {
			t.Errorf("mount %s is not a gofer mount: %+v", destination, m)
		}
	}
	for _, m := range r.Mounts {
		if got, want := m.Has("directfs"), direct[m.Mount]; got != want {
			t.Errorf("mount %s has directfs: %v, want %v (options %q)", m.Mount, got, want, m.Options)
		}
	}
}

// checkPrivileges expects a sandbox to have what directfs needs if it is
// raised, and nothing if it is not.
func checkPrivileges(t *testing.T, c *harness.Container, raised bool) {
	t.Helper()
	s, err := harness.ReadStatus(c.SandboxPID)
	if err != nil {
		t.Fatal(err)
	}
	for name, set := range map[string]harness.Caps{
		"effective": s.Effective, "permitted": s.Permitted, "bounding": s.Bounding,
	} {
		if raised && !set.Has(harness.DirectFSCaps) || !raised && set != 0 {
			t.Errorf("%s capabilities of the sandbox are %v; raised: %v", name, set, raised)
		}
	}
	if s.Inheritable != 0 || s.Ambient != 0 {
		t.Errorf("capabilities that would survive an exec: inheritable %v, ambient %v", s.Inheritable, s.Ambient)
	}
	uid, umask := 65534, currentUmask()
	if raised {
		uid, umask = 0, 0
	}
	if s.Uid != [4]int{uid, uid, uid, uid} || s.Gid != [4]int{uid, uid, uid, uid} {
		t.Errorf("user ids of the sandbox are %v, group ids %v, want %d", s.Uid, s.Gid, uid)
	}
	if s.Umask != umask {
		t.Errorf("umask of the sandbox is %#o, want %#o", s.Umask, umask)
	}
	checkUserNamespace(t, c.SandboxPID, raised)
}

// checkUserNamespace expects a sandbox never to be in ours. One that is not
// raised is in a fresh one that knows a single unprivileged user.
func checkUserNamespace(t *testing.T, pid int, raised bool) {
	t.Helper()
	ours, err := harness.UserNamespace(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	its, err := harness.UserNamespace(pid)
	if err != nil {
		t.Fatal(err)
	}
	maps, err := harness.UIDMap(pid)
	if err != nil {
		t.Fatal(err)
	}
	if its == ours {
		t.Error("the sandbox is in the user namespace of the runtime")
	}
	want := []harness.IDMap{{Inside: 65534, Outside: 65534, Size: 1}}
	if raised {
		want = []harness.IDMap{{Inside: 0, Outside: 0, Size: ^uint32(0)}}
	}
	if !slices.Equal(maps, want) {
		t.Errorf("user ids of the sandbox are mapped as %v, want %v", maps, want)
	}
}

// checkFilters expects sandbox and gofer to run under a seccomp filter.
func checkFilters(t *testing.T, c *harness.Container) {
	t.Helper()
	for name, pid := range map[string]int{"sandbox": c.SandboxPID, "gofer": c.GoferPID} {
		s, err := harness.ReadStatus(pid)
		if err != nil {
			t.Errorf("%s: %v", name, err)
		} else if s.Seccomp != unix.SECCOMP_MODE_FILTER || s.SeccompFilters == 0 {
			t.Errorf("%s has seccomp mode %d with %d filters", name, s.Seccomp, s.SeccompFilters)
		}
	}
}

// checkHeld expects the sandbox to have directories open in the mounts, the
// root of each among them, and no other directory of the host.
func checkHeld(t *testing.T, c *harness.Container, mounts []string) {
	t.Helper()
	held, err := c.Bundle.Held(c.SandboxPID)
	if err != nil {
		t.Fatal(err)
	}
	if got := held.Mounts(); !slices.Equal(got, mounts) {
		t.Errorf("the sandbox holds directories of mounts %q, want %q: %q", got, mounts, held.Dirs)
	}
	for _, m := range mounts {
		if !held.HoldsRoot(m) {
			t.Errorf("the sandbox does not hold the root of %s: %q", m, held.Dirs[m])
		}
	}
	if len(held.Strangers) != 0 {
		t.Errorf("the sandbox holds directories outside the bundle: %+v", held.Strangers)
	}
	checkReachable(t, c, mounts)
}

// checkReachable expects that a sandbox which turned against us would not get
// from the directories that it holds to a mount that is to stay with the gofer.
func checkReachable(t *testing.T, c *harness.Container, mounts []string) {
	t.Helper()
	reached, err := c.Bundle.Reachable(c.SandboxPID)
	if err != nil {
		t.Error(err)
	}
	if !slices.Equal(reached, mounts) {
		t.Errorf("the sandbox can reach mounts %q, want %q", reached, mounts)
	}
}

func currentUmask() int {
	s, err := harness.ReadStatus(os.Getpid())
	if err != nil {
		panic(err)
	}
	return s.Umask
}
