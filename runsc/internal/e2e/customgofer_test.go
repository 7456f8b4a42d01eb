package e2e

import (
	"errors"
	"strings"
	"testing"

	"github.com/directfs/runsc/runsc/harness"
)

// newCustomLab is a lab whose runtime has gofer extensions.
func newCustomLab(t *testing.T, flags ...string) *harness.Lab {
	t.Helper()
	lab := newLab(t, flags...)
	lab.Binary = harness.Program(t, "./runsc/internal/e2e/virtualgofer")
	return lab
}

// A mount without a host directory is LisaFS by itself, and the others are not.
func TestCustomGofer(t *testing.T) {
	lab := newCustomLab(t, flag(true))
	logTo(t, lab)
	c := lab.Serve(t, lab.Bundle(t, harness.Mount("/virtual"), harness.Mount("/a"), harness.Mount("/b", "rw", "directfs=off"),
		harness.Mount("/undescribed", "rw", "directfs=off"), harness.Args("serve", "/", "/virtual", "/a", "/b", "/undescribed")))
	want := access{"/": true, "/virtual": false, "/a": true, "/b": false, "/undescribed": false}
	r := readReport(t, c)
	checkOps(t, c.Bundle, r)
	checkMountOptions(t, want, r)
	checkPrivileges(t, c, true)
	checkFilters(t, c)
	checkHeld(t, c, direct(want))
	checkGoferSets(t, lab, c, true)
	stop(t, lab, c)
}

func TestCustomGoferInPod(t *testing.T) {
	lab := newCustomLab(t, flag(true))
	pause := servePod(t, lab, lab.Runtime, true, harness.PodSandbox())
	c := lab.Serve(t, lab.Bundle(t, harness.PodMember(pause.ID, "app"),
		harness.Mount("/virtual"), harness.Mount("/a"), harness.Args("serve", "/", "/virtual", "/a")))
	want := access{"/": true, "/virtual": false, "/a": true}
	r := readReport(t, c)
	checkOps(t, c.Bundle, r)
	checkMountOptions(t, want, r)
	checkPodHeld(t, map[*harness.Container]access{pause: {"/": true}, c: want})
	stop(t, lab, pause, c)
}

func TestCustomGoferCannotDonate(t *testing.T) {
	lab := newCustomLab(t)
	b := lab.Bundle(t, harness.Mount("/virtual", "rw", "directfs=on"))
	for _, directfs := range []bool{true, false} {
		for _, command := range []string{"create", "run"} {
			checkRefusedBy(t, lab, lab.With(flag(directfs)), `mount option directfs="on" (mount "/virtual"): backend cannot donate a root FD; `+
				`allowed: off, false, default; remove the hint: backend "virtual" serves this mount over LisaFS only`, command, "--bundle="+b.Dir)
		}
	}
}

// An extension that claims a mount without having said so comes after the
// decision. The mount must not get directfs from a backend that may have
// nothing to donate, and not silently get something else.
func TestCustomGoferThatDoesNotDescribeItself(t *testing.T) {
	lab := newCustomLab(t, flag(true))
	logTo(t, lab)
	b := lab.Bundle(t, harness.Mount("/undescribed"), harness.Args("serve", "/undescribed"))
	id := lab.ID()
	_, err := lab.RunDetached(harness.Context(t), id, b)
	var refused *harness.RefusedError
	if !errors.As(err, &refused) || refused.ExitCode != 128 {
		t.Fatalf("got %v, want a refusal", err)
	}
	lab.CheckGone(t, id)
	const message = `extension undescribed serves "/undescribed", which was planned for the stock gofer; ` +
		"let it implement engine.Describer, or set the mount's directfs hint to off"
	if log, err := lab.Log(id, "gofer"); err != nil || !strings.Contains(log, message) {
		t.Errorf("%q is not in the gofer's log: %v: %.3000s", message, err, log)
	}
}
