package e2e

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/directfs/runsc/runsc/harness"
	"github.com/directfs/runsc/runsc/internal/verify"
)

// runVerify runs "policy verify" and reads its report. Without a report, what
// it said on stderr is returned.
func runVerify(t *testing.T, r *harness.Runtime, args ...string) (report verify.Report, code int, said string) {
	t.Helper()
	res, err := r.Command(harness.Context(t), append([]string{"policy", "verify", "--format=json"}, args...)...)
	if err != nil {
		t.Fatal(err)
	}
	if res.Stdout != "" {
		if err := json.Unmarshal([]byte(res.Stdout), &report); err != nil {
			t.Fatalf("%v: %s", err, res.Stdout)
		}
	}
	return report, res.ExitCode, res.Stderr
}

// checkVerified expects every row to be right.
func checkVerified(t *testing.T, r *harness.Runtime, args ...string) verify.Report {
	t.Helper()
	report, code, said := runVerify(t, r, args...)
	if code != 0 || report.Verdict != verify.OK || len(report.Rows) == 0 {
		t.Errorf("verify %q: exit status %d, %v, %s", args, code, report.Verdict, said)
	}
	for _, row := range report.Rows {
		if row.Verdict != verify.OK && row.Verdict != verify.Other {
			t.Errorf("verify %q: %+v", args, row)
		}
	}
	return report
}

// checkSubjects expects rows about every subject that starts like this.
func checkSubjects(t *testing.T, r verify.Report, words ...string) {
	t.Helper()
	for _, w := range words {
		if !slices.ContainsFunc(r.Rows, func(row verify.Row) bool { return strings.HasPrefix(row.Subject, w) }) {
			t.Errorf("no row is about %q", w)
		}
	}
}

// All combinations of access, and read-only ones, are what their plans say.
// The container is not disturbed by being looked at.
func TestVerify(t *testing.T) {
	setUmask(t, 0o022)
	for _, c := range []struct {
		name         string
		flag         bool
		root, a      string
		access, more []string
	}{
		{"all directfs", true, "", "", nil, nil},
		{"flag true, mount off", true, "", "off", nil, nil},
		{"flag true, rootfs off", true, "off", "", nil, nil},
		{"flag false, mount on", false, "", "on", nil, nil},
		{"nothing directfs", false, "", "", nil, nil},
		{"all off", true, "off", "off", nil, nil},
		{"host network", true, "off", "off", nil, []string{"--network=host"}},
		{"shared cache", true, "", "", nil, []string{"--file-access=shared", "--file-access-mounts=exclusive"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			lab := newLab(t, append(c.more, flag(c.flag))...)
			container := lab.Serve(t, lab.Bundle(t, harness.RootfsHint(c.root), harness.Mount("/a"), harness.MountHint("a", "/a", c.a),
				harness.FileMount("/file", "text"), harness.Args("serve", "/", "/a")))
			checkOps(t, container.Bundle, readReport(t, container))
			for range 5 {
				r := checkVerified(t, lab.Runtime, container.ID)
				checkSubjects(t, r, "sandbox process", "container "+container.ID, "gofer")
			}
			execGuest(t, container, "ops", "/", "/a")
			stop(t, lab, container)
		})
	}
}

func TestVerifyReadOnly(t *testing.T) {
	setUmask(t, 0o022)
	for _, a := range []string{"on", "off"} {
		t.Run("a="+a, func(t *testing.T) {
			lab := newLab(t)
			c := lab.Serve(t, lab.Bundle(t, harness.ReadonlyRoot(), harness.Mount("/a", "ro"), harness.MountHint("a", "/a", a), harness.Args("serve")))
			readReport(t, c)
			r := checkVerified(t, lab.Runtime, c.ID)
			if i := slices.IndexFunc(r.Rows, func(row verify.Row) bool { return row.Item == "CapEff" }); r.Rows[i].Planned != "DAC_READ_SEARCH" {
				t.Errorf("%+v is not about a sandbox that only reads", r.Rows[i])
			}
			stop(t, lab, c)
		})
	}
}

// What an overlay hides is not said to be right.
func TestVerifyOverlay(t *testing.T) {
	lab := newLab(t, "--overlay2=root:self")
	c := lab.Serve(t, lab.Bundle(t, harness.Mount("/a"), harness.MountHint("a", "/a", "off"), harness.Args("serve")))
	readReport(t, c)
	report, code, _ := runVerify(t, lab.Runtime, c.ID)
	if code != 0 || report.Verdict != verify.OK {
		t.Errorf("exit status %d, %v", code, report.Verdict)
	}
	if report, code, _ := runVerify(t, lab.Runtime, "--strict", c.ID); code != 7 || report.Verdict != verify.Unverified {
		t.Errorf("--strict: exit status %d, %v", code, report.Verdict)
	}
	for _, row := range report.Rows {
		if unverified := row.Verdict == verify.Note; unverified != (row.Item == "/ cache") || row.Verdict == verify.Differs {
			t.Errorf("%+v", row)
		}
	}
	for allowed, want := range map[string]int{"mounts": 0, "seccomp,mounts": 0, "all": 0, "seccomp": 7} {
		if _, code, _ := runVerify(t, lab.Runtime, "--strict", "--allow-unverified="+allowed, c.ID); code != want {
			t.Errorf("--allow-unverified=%s: exit status %d, want %d", allowed, code, want)
		}
	}
	stop(t, lab, c)
}

func TestVerifyPod(t *testing.T) {
	lab := newLab(t)
	pause := servePod(t, lab, lab.Runtime, true, harness.PodSandbox())
	a := lab.Serve(t, lab.Bundle(t, harness.PodMember(pause.ID, "a"), harness.RootfsHint("off"), harness.Mount("/a"), harness.Args("serve", "/", "/a")))
	b := lab.Serve(t, lab.Bundle(t, harness.PodMember(pause.ID, "b"), harness.Mount("/b", "rw", "directfs=off"), harness.Args("serve", "/", "/b")))
	readReport(t, a)
	readReport(t, b)
	created, err := lab.Create(harness.Context(t), lab.ID(), lab.Bundle(t, harness.PodMember(pause.ID, "c")))
	if err != nil {
		t.Fatal(err)
	}
	lab.Keep(t, created)
	for _, c := range []*harness.Container{pause, a, b} {
		r := checkVerified(t, lab.Runtime, c.ID)
		if !slices.Equal(r.Containers, []string{c.ID}) || r.Sandbox != pause.ID {
			t.Errorf("%s: report is about %q in %s", c.ID, r.Containers, r.Sandbox)
		}
		r = checkVerified(t, lab.Runtime, "--all", c.ID)
		checkSubjects(t, r, "container "+pause.ID, "container "+a.ID, "container "+b.ID)
	}
	checkVerifyError(t, lab.Runtime, 4, fmt.Sprintf("container %q is not running: it is created", created.ID), created.ID)
	// The plan of one member is part of what the sandbox may hold.
	undo := tamper(t, lab.Runtime, b.ID, planText, planOf99)
	checkVerifyError(t, lab.Runtime, 5, fmt.Sprintf("container %q: stored plan: unsupported plan version: 99, where 2 to 5 can be read; delete the container and create it again", b.ID), a.ID)
	undo()
	if err := created.Delete(harness.Context(t)); err != nil {
		t.Error(err)
	}
	stop(t, lab, pause, a, b)
}

func TestVerifyRootless(t *testing.T) {
	lab := newRootlessLab(t)
	b := lab.Bundle(t, harness.OwnedBy(nobodys), harness.Mount("/a"), harness.Mount("/b", "rw", "directfs=off"), harness.Args("serve"))
	c := runDetached(t, lab, b)
	readReport(t, c)
	asRoot := *lab.Runtime
	asRoot.User, asRoot.Flags = 0, harness.DefaultFlags
	report, code, said := runVerify(t, &asRoot, c.ID)
	if code != 0 {
		t.Errorf("exit status %d, %s: %+v", code, said, report.Rows)
	}
	// Who is not root is told so, and nothing else.
	asUser := asRoot
	asUser.User = nobodys
	checkVerifyError(t, &asUser, 6, fmt.Sprintf("looking into another user's processes takes root; the effective user id is %d", nobodys), c.ID)
	stop(t, lab, c)
}

// The spec's own user namespace, with its mappings.
func TestVerifyUserNamespace(t *testing.T) {
	lab := newLab(t)
	c := lab.Serve(t, lab.Bundle(t, harness.UserNS(100000, 65536), harness.Mount("/a"), harness.Args("serve")))
	readReport(t, c)
	checkVerified(t, lab.Runtime, c.ID)
	tamperState(t, lab.Runtime, c.ID, `"hostID":100000`, `"hostID":0`)
	checkNoticed(t, lab.Runtime, c.ID, []string{"uid_map (inside:outside:size)"})
	stop(t, lab, c)
}

// What a gofer extension serves has a decision like any other mount.
func TestVerifyCustomGofer(t *testing.T) {
	lab := newCustomLab(t, flag(true))
	c := lab.Serve(t, lab.Bundle(t, harness.Mount("/virtual"), harness.Mount("/a"), harness.Args("serve", "/", "/virtual", "/a")))
	readReport(t, c)
	checkVerified(t, lab.Runtime, c.ID)
	stop(t, lab, c)
}
