package e2e

import (
	"fmt"
	"path"
	"slices"
	"strings"
	"testing"

	"github.com/directfs/runsc/directfspolicy"
	"github.com/directfs/runsc/runsc/harness"
	"github.com/directfs/runsc/runsc/internal/verify"
	"golang.org/x/sys/unix"
)

// rest is the item for the calls that filters must deny.
const rest = "file system calls of no set, and unknown ones"

// raisedItems are where a sandbox that is raised differs from one that is not.
var raisedItems = []string{"CapEff", "CapPrm", "CapBnd", "uid in its namespace", "gid in its namespace"}

// Running containers are compared with plans that are not theirs: every item
// is seen to differ. The rest of them, which no plan can make differ, are in
// the tests of package verify.
func TestVerifyNotices(t *testing.T) {
	setUmask(t, 0o022)
	all := func(on, readOnly bool) func(*directfspolicy.Request) {
		return func(r *directfspolicy.Request) {
			for i := range r.Mounts {
				if r.Mounts[i].Backend != directfspolicy.NoGofer {
					setHint(&r.Mounts[i], on)
					r.Mounts[i].ReadOnly = readOnly
				}
			}
			setHint(&r.Rootfs, on)
			r.Rootfs.ReadOnly = readOnly
		}
	}
	one := func(mount string, change func(*directfspolicy.Mount)) func(*directfspolicy.Request) {
		return func(r *directfspolicy.Request) {
			change(&r.Mounts[slices.IndexFunc(r.Mounts, func(m directfspolicy.Mount) bool { return m.Destination == mount })])
		}
	}
	on := func(m *directfspolicy.Mount) { setHint(m, true) }
	off := func(m *directfspolicy.Mount) { setHint(m, false) }
	for _, c := range []struct {
		name    string
		root, b string // how it runs
		plan    func(*directfspolicy.Request)
		items   []string
	}{
		{"a mount that is on, planned off", "on", "off", one("/a", off),
			[]string{"/a access", "other directories held", "reachable from there", "gofer: root"}},
		{"a mount that is off, planned on", "on", "off", one("/b", on),
			[]string{"/b access", "donated roots held", "gofer: root", "gofer: " + rest}},
		{"a mount that is on, planned off, alone", "on", "on", one("/b", off),
			[]string{"/b access", "gofer: root", "gofer: calls of the sets"}},
		{"cache", "on", "off", one("/a", func(m *directfspolicy.Mount) { m.Cache = directfspolicy.CacheExclusive }), []string{"/a cache"}},
		{"everything off", "on", "off", all(false, false),
			append([]string{"/ access", "/a access", "sandbox process: " + rest, "sandbox process: forms of calls",
				"uid_map (inside:outside:size)", "gid_map (inside:outside:size)"}, raisedItems...)},
		{"everything on and read-only", "on", "off", all(true, true),
			[]string{"CapEff", "CapPrm", "CapBnd", "sandbox process: " + rest, "sandbox process: forms of calls"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			lab := newLab(t, flag(false))
			container := lab.Serve(t, lab.Bundle(t, harness.RootfsHint(c.root), harness.Mount("/a"), harness.MountHint("a", "/a", "on"),
				harness.Mount("/b"), harness.MountHint("b", "/b", c.b), harness.Args("serve")))
			readReport(t, container)
			checkVerified(t, lab.Runtime, container.ID)
			undo := replan(t, lab.Runtime, container.ID, c.plan)
			checkNoticed(t, lab.Runtime, container.ID, c.items)
			undo()
			checkVerified(t, lab.Runtime, container.ID)
			stop(t, lab, container)
		})
	}
	t.Run("nothing on, planned on", func(t *testing.T) {
		lab := newLab(t, flag(false))
		container := lab.Serve(t, lab.Bundle(t, harness.Mount("/a"), harness.Args("serve")))
		readReport(t, container)
		replan(t, lab.Runtime, container.ID, all(true, false))
		checkNoticed(t, lab.Runtime, container.ID, append([]string{"/ access", "/a access", "umask", "user namespace", "donated roots held",
			"sandbox process: calls of the sets", "gofer: root", "gofer: " + rest}, raisedItems...))
		stop(t, lab, container)
	})
}

// Where the sandbox holds a directory above the one that it was given, there
// is more to see from there.
func TestVerifyNoticesWhatIsAbove(t *testing.T) {
	lab := newLab(t)
	c := lab.Serve(t, lab.Bundle(t, harness.Mount("/a"), harness.Args("serve")))
	readReport(t, c)
	// The sentry holds the directory on which /a is mounted. By this plan it
	// is a mount's root, donated from amid the rootfs.
	rootfs := c.Bundle.Rootfs()
	undo := tamperState(t, lab.Runtime, c.ID, quoted(t, rootfs), quoted(t, path.Join(rootfs, "a")))
	checkNoticed(t, lab.Runtime, c.ID, []string{"above the held directories", "other directories held"})
	undo()
	stop(t, lab, c)
}

func TestVerifyNoticesDeadGofer(t *testing.T) {
	lab := newLab(t)
	c := lab.Serve(t, lab.Bundle(t, harness.Args("serve")))
	readReport(t, c)
	if err := unix.Kill(c.GoferPID, unix.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	// It can be looked at all the same.
	checkVerified(t, lab.Runtime, c.ID)
	if err := unix.Kill(c.GoferPID, unix.SIGCONT); err != nil {
		t.Fatal(err)
	}
	pid := fmt.Sprintf(`"goferPid":%d`, c.GoferPID)
	undo := tamperState(t, lab.Runtime, c.ID, pid, `"goferPid":1`)
	checkNoticed(t, lab.Runtime, c.ID, []string{"gofer: process"})
	undo()
	stop(t, lab, c)
}

// Every way in which there is nothing to compare has its exit status and a
// reason.
func TestVerifyErrors(t *testing.T) {
	lab := newLab(t)
	checkVerifyError(t, lab.Runtime, 3, fmt.Sprintf("no container %q in %s", "nobody", lab.Root), "nobody")
	checkVerifyError(t, lab.Runtime, 2, "want one container id, got 2 arguments; see runsc policy verify --help", "a", "b")
	checkVerifyError(t, lab.Runtime, 2, `unknown format "xml": use text or json`, "--format=xml", "a")
	checkVerifyError(t, lab.Runtime, 2, "--max-directories=0 is not positive", "--max-directories=0", "a")
	checkVerifyError(t, lab.Runtime, 2, `--allow-unverified: unknown check "sec": use mounts, capabilities, ids, umask, userns, directories, seccomp, gofer, or all`,
		"--allow-unverified=sec", "a")

	c, err := lab.Create(harness.Context(t), lab.ID(), lab.Bundle(t, harness.Args("serve", "/")))
	if err != nil {
		t.Fatal(err)
	}
	lab.Keep(t, c)
	checkVerifyError(t, lab.Runtime, 4, fmt.Sprintf("container %q is not running: it is created", c.ID), c.ID)
	if err := c.Start(harness.Context(t)); err != nil {
		t.Fatal(err)
	}
	readReport(t, c)
	// As for the engine's own commands, a part of the id will do.
	if report := checkVerified(t, lab.Runtime, c.ID[:len(c.ID)-1]); !slices.Equal(report.Containers, []string{c.ID}) {
		t.Errorf("the report is about %q, want %s", report.Containers, c.ID)
	}
	for _, change := range []struct{ old, new, message string }{
		{planText, planOf99, "stored plan: unsupported plan version: 99, where 2 to 5 can be read; delete the container and create it again"},
		{createdAt, createdAgo, noPlan},
		{flagOn, flagOff, `stored plan: invalid plan: mount "/": directfs cannot have the reason flag-off with key "", backend "" and --directfs=true; delete the container and create it again`},
	} {
		undo := tamper(t, lab.Runtime, c.ID, change.old, change.new)
		checkVerifyError(t, lab.Runtime, 5, fmt.Sprintf("container %q: %s", c.ID, change.message), c.ID)
		undo()
	}
	checkVerified(t, lab.Runtime, c.ID)
	if err := unix.Kill(c.SandboxPID, unix.SIGKILL); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Wait(harness.Context(t)); err != nil {
		t.Fatal(err)
	}
	checkVerifyError(t, lab.Runtime, 4, fmt.Sprintf("container %q is not running: it is stopped", c.ID), c.ID)
}

// Without a look at the filters, they are not said to be right.
func TestVerifyUnreadableFilters(t *testing.T) {
	lab := newLab(t)
	c := lab.Serve(t, lab.Bundle(t, harness.Args("serve", "/")))
	readReport(t, c)
	r := withoutSysAdmin(t, lab)
	report, code, _ := runVerify(t, r, c.ID)
	if code != 7 || report.Verdict != verify.Unverified {
		t.Errorf("exit status %d, %v", code, report.Verdict)
	}
	for _, row := range report.Rows {
		unverified := row.Check == verify.CheckSeccomp && row.Item != "seccomp" && row.Verdict != verify.Other || row.Item == "/ attributes"
		if (row.Verdict == verify.Unverified) != unverified || unverified && !strings.Contains(row.Detail, "it takes CAP_SYS_ADMIN") {
			t.Errorf("%+v", row)
		}
	}
	if _, code, _ := runVerify(t, r, "--allow-unverified=seccomp,mounts", c.ID); code != 0 {
		t.Errorf("--allow-unverified=seccomp,mounts: exit status %d", code)
	}
	// Nor is what could not be walked through.
	report, code, _ = runVerify(t, lab.Runtime, "--max-directories=3", c.ID)
	if code != 7 || report.Verdict != verify.Unverified {
		t.Errorf("--max-directories=3: exit status %d, %v", code, report.Verdict)
	}
	checkVerified(t, lab.Runtime, c.ID)
	stop(t, lab, c)
}
