// Package e2e tests runsc by running containers. It needs root and user
// namespaces; see package harness.
package e2e

import (
	"fmt"
	"slices"
	"testing"

	"github.com/directfs/runsc/runsc/harness"
	"golang.org/x/sys/unix"
)

// row is one combination of the flag and a hint for each of three mounts; the
// hint "" is absent.
type row struct {
	flag        bool
	root, a, b  string
	description string
}

// rows returns all combinations: 2 flags times 3 hints for each of 3 mounts.
func rows() []row {
	var all []row
	hints := []string{"", "on", "off"}
	for _, flag := range []bool{true, false} {
		for _, root := range hints {
			for _, a := range hints {
				for _, b := range hints {
					name := fmt.Sprintf("flag=%v,root=%s,a=%s,b=%s", flag, orAbsent(root), orAbsent(a), orAbsent(b))
					all = append(all, row{flag, root, a, b, name})
				}
			}
		}
	}
	return all
}

func orAbsent(hint string) string {
	if hint == "" {
		return "absent"
	}
	return hint
}

// direct says which mounts must use directfs: where there is a hint, it
// decides; elsewhere the flag does. This is spelled out here, and not asked of
// the policy under test.
func (r row) direct() map[string]bool {
	direct := map[string]bool{}
	for mount, hint := range map[string]string{"/": r.root, "/a": r.a, "/b": r.b} {
		direct[mount] = hint == "on" || hint == "" && r.flag
	}
	return direct
}

func (r row) directMounts() []string {
	mounts := []string{}
	for m, d := range r.direct() {
		if d {
			mounts = append(mounts, m)
		}
	}
	slices.Sort(mounts)
	return mounts
}

// raised says whether the sandbox must have what directfs needs.
func (r row) raised() bool { return len(r.directMounts()) > 0 }

// TestMatrix runs a standalone container for every combination and looks at it
// from inside and outside.
func TestMatrix(t *testing.T) {
	setUmask(t, 0o022)
	lab := harness.NewLab(t)
	// More at once would only wait for each other's locks and CPUs, and bring
	// the steps nearer to their deadlines.
	slots := make(chan struct{}, 2)
	for _, r := range rows() {
		t.Run(r.description, func(t *testing.T) {
			t.Parallel()
			slots <- struct{}{}
			defer func() { <-slots }()
			checkRow(t, lab, r)
		})
	}
}

// setUmask makes the umask that an unraised sandbox inherits differ from 0.
func setUmask(t *testing.T, mask int) {
	old := unix.Umask(mask)
	t.Cleanup(func() { unix.Umask(old) })
}

func checkRow(t *testing.T, lab *harness.Lab, r row) {
	ctx := harness.Context(t)
	bundle := lab.Bundle(t,
		harness.Mount("/a"), harness.Mount("/b"),
		harness.RootfsHint(r.root), harness.MountHint("a", "/a", r.a), harness.MountHint("b", "/b", r.b),
		harness.Args("serve", "/", "/a", "/b"),
	)
	c := lab.ServeWith(t, lab.With(fmt.Sprintf("--directfs=%v", r.flag)), bundle)
	report, err := c.Report(ctx)
	if err != nil {
		t.Fatal(err)
	}
	checkOps(t, bundle, report)
	checkMountOptions(t, r.direct(), report)
	checkPrivileges(t, c, r.raised())
	checkFilters(t, c)
	checkHeld(t, c, r.directMounts())
	if err := c.Stop(ctx); err != nil {
		t.Error(err)
	}
	lab.CheckGone(t, c.ID)
}
