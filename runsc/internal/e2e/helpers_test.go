package e2e

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/directfs/runsc/runsc/harness"
	"github.com/directfs/runsc/runsc/internal/e2e/guest/report"
)

// on and off are the sets that checkMountOptions takes, by destination.
type access = map[string]bool

func direct(a access) []string {
	mounts := []string{}
	for m, d := range a {
		if d {
			mounts = append(mounts, m)
		}
	}
	slices.Sort(mounts)
	return mounts
}

// flag is the sandbox-wide flag as an argument.
func flag(directfs bool) string { return fmt.Sprintf("--directfs=%v", directfs) }

// newLab is a lab for a test that runs beside others.
func newLab(t *testing.T, flags ...string) *harness.Lab {
	t.Helper()
	t.Parallel()
	slots <- struct{}{}
	t.Cleanup(func() { <-slots })
	return harness.NewLab(t, flags...)
}

// idleLab is a lab for a test that waits for a time-out, beside all others.
func idleLab(t *testing.T, flags ...string) *harness.Lab {
	t.Helper()
	t.Parallel()
	return harness.NewLab(t, flags...)
}

// slots bounds how many containers run at once: more would only wait for each
// other's locks and CPUs, and bring the steps nearer to their deadlines.
var slots = make(chan struct{}, 2)

// logTo makes all processes of the lab write logs.
func logTo(t *testing.T, lab *harness.Lab) {
	t.Helper()
	dir, err := os.MkdirTemp(lab.Dir, "b")
	if err != nil {
		t.Fatal(err)
	}
	lab.LogDir = dir
}

func readReport(t *testing.T, c *harness.Container) report.Report {
	t.Helper()
	r, err := c.Report(harness.Context(t))
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// checkOpsInside is checkOps without the look at the host, where an overlay
// keeps the guest's files.
func checkOpsInside(t *testing.T, r report.Report) {
	t.Helper()
	if len(r.Ops) == 0 {
		t.Error("no operations were run")
	}
	for _, o := range r.Ops {
		if !o.OK {
			t.Errorf("operations in %s failed at %s", o.Dir, o.Failed)
		}
	}
}

// stop ends containers, the last one first, and checks that nothing is left of
// them.
func stop(t *testing.T, lab *harness.Lab, cs ...*harness.Container) {
	t.Helper()
	for _, c := range slices.Backward(cs) {
		if err := c.Stop(harness.Context(t)); err != nil {
			t.Error(err)
		}
		lab.CheckGone(t, c.ID)
	}
}

// execGuest runs the guest in the container and returns what it printed.
func execGuest(t *testing.T, c *harness.Container, args ...string) string {
	t.Helper()
	res, err := c.Exec(harness.Context(t), args...)
	if err == nil {
		err = res.Err()
	}
	if err != nil {
		t.Errorf("exec %q: %v", args, err)
	}
	return res.Stdout
}

// command runs a runsc command that has to succeed and returns what it printed.
func command(t *testing.T, r *harness.Runtime, args ...string) string {
	t.Helper()
	res, err := r.Command(harness.Context(t), args...)
	if err == nil {
		err = res.Err()
	}
	if err != nil {
		t.Fatalf("runsc %q: %v", args, err)
	}
	return res.Stdout
}

// checkRefused expects a refusal with exactly this message, and exit code 128.
func checkRefused(t *testing.T, err error, message string) {
	t.Helper()
	var refused *harness.RefusedError
	if !errors.As(err, &refused) {
		t.Fatalf("got %v, want a refusal: %s", err, message)
	}
	checkMessage(t, refused.Result, message)
}

func checkMessage(t *testing.T, r harness.Result, message string) {
	t.Helper()
	if r.ExitCode != 128 {
		t.Errorf("exit code is %d, want 128", r.ExitCode)
	}
	if got := strings.TrimSuffix(r.Stderr, "\n"); got != message {
		t.Errorf("refused with\n  %s\nwant\n  %s", got, message)
	}
}

// expectLine expects the next line of the guest's output.
func expectLine(t *testing.T, c *harness.Container, want string) {
	t.Helper()
	got, err := c.Stdout.Line(harness.Context(t))
	if err != nil || got != want {
		t.Fatalf("%s printed %q, %v, want %q; stderr: %s", c.ID, got, err, want, c.Stderr.Text())
	}
}

// count makes a guest that counts write its next line.
func count(t *testing.T, c *harness.Container, line string) {
	t.Helper()
	if err := c.Kill(harness.Context(t), "USR1"); err != nil {
		t.Fatal(err)
	}
	expectLine(t, c, line)
}
