package e2e

import (
	"strings"
	"testing"

	"github.com/directfs/runsc/runsc/harness"
)

// Overlays are in the first container of a pod and in those that join, each with a
// gofer of its own, and the sandbox holds the roots of those that use directfs.
func TestOverlayInPod(t *testing.T) {
	for _, directfs := range []bool{true, false} {
		t.Run(flag(directfs), func(t *testing.T) {
			lab := newLab(t, flag(directfs))
			first, second, third := newStack(t, lab, "1", 2), newStack(t, lab, "2", 2), newStack(t, lab, "3", 1)
			pause := lab.Serve(t, lab.Bundle(t, harness.PodSandbox(), first.at("/ov"), harness.Args("serve", "/ov")))
			b := lab.Bundle(t, harness.PodMember(pause.ID, "app"), second.at("/ov"), third.at("/ow", "directfs=off"), harness.Mount("/a"), harness.Args("serve", "/ov", "/ow"))
			member, err := lab.Create(harness.Context(t), lab.ID(), b)
			if err != nil {
				t.Fatal(err)
			}
			lab.Keep(t, member)
			second.checkUnlocked(t) // its gofer comes when it starts
			if err := member.Start(harness.Context(t)); err != nil {
				t.Fatal(err)
			}
			r := readReport(t, pause)
			checkOpsInside(t, r)
			checkMountOptions(t, access{"/": directfs, "/ov": directfs}, r)
			r = readReport(t, member)
			checkOpsInside(t, r)
			checkMountOptions(t, access{"/": directfs, "/ov": directfs, "/ow": false, "/a": directfs}, r)
			if got := readFile(t, first.upper+"/kept") + readFile(t, second.upper+"/kept") + readFile(t, third.upper+"/kept"); strings.Count(got, "kept by guest\n") != 3 {
				t.Errorf("the uppers have %q", got)
			}
			checkPodOverlays(t, map[*harness.Container]map[string]stack{pause: {"/ov": first}, member: {"/ov": second, "/ow": third}}, directfs)
			stop(t, lab, member)
			second.checkUnlocked(t)
			if locks := first.lockFDs(t, pause.GoferPID); len(locks) != 2 {
				t.Errorf("the gofer of the first container holds %v", locks)
			}
			stop(t, lab, pause)
			first.checkUnlocked(t)
		})
	}
}

// checkPodOverlays expects that the sandbox has no layer of any container, and the
// overlays but for those at /ow.
func checkPodOverlays(t *testing.T, all map[*harness.Container]map[string]stack, directfs bool) {
	t.Helper()
	want, got := map[uint64]bool{}, map[uint64]bool{}
	var pid int
	for c, stacks := range all {
		pid = c.SandboxPID
		for destination, s := range stacks {
			if directfs && destination != "/ow" {
				want[rootOf(t, s)] = true
			}
			if locks := s.lockFDs(t, pid); len(locks) > 0 {
				t.Errorf("the sandbox holds layers: %+v", locks)
			}
		}
		checkReachableOf(t, c, stacks, directfs)
	}
	dirs, err := harness.DirFDs(pid)
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range dirs {
		if isOverlayFD(t, pid, d.FD) {
			got[d.Ino] = true
		}
	}
	if len(got) != len(want) {
		t.Errorf("the sandbox holds overlays with the roots %v, want %v", got, want)
	}
	for root := range want {
		if !got[root] {
			t.Errorf("the sandbox does not hold the overlay with root %d: %v", root, got)
		}
	}
	checkWalk(t, pid)
}

// checkReachableOf expects that no layer is reached from what the sandbox holds.
func checkReachableOf(t *testing.T, c *harness.Container, stacks map[string]stack, directfs bool) {
	t.Helper()
	binds := access{}
	for _, d := range c.Bundle.Binds() {
		binds[d] = directfs
	}
	reached, err := withLayers(c.Bundle, stacks).Reachable(c.SandboxPID)
	if err != nil || strings.Join(reached, " ") != strings.Join(direct(binds), " ") {
		t.Errorf("the sandbox reaches %q of %s, %v", reached, c.ID, err)
	}
}

// A hint of the pod, by the source of a layer, is for the overlays of all
// containers.
func TestOverlayUnderPodHint(t *testing.T) {
	lab := newLab(t)
	s := newStack(t, lab, "s", 2)
	pause := servePod(t, lab, lab.Runtime, true, harness.PodSandbox(), podHint("s", s.lowers[1], "off"))
	member := lab.Serve(t, lab.Bundle(t, harness.PodMember(pause.ID, "app"), s.at("/ov"), harness.Args("serve", "/ov")))
	r := readReport(t, member)
	checkOpsInside(t, r)
	checkMountOptions(t, access{"/": true, "/ov": false}, r)
	checkPodOverlays(t, map[*harness.Container]map[string]stack{member: {"/ow": s}}, true)
	stop(t, lab, pause, member)
}
