package e2e

import (
	"slices"
	"testing"

	"github.com/directfs/runsc/runsc/harness"
	"github.com/directfs/runsc/runsc/internal/e2e/attacker/job"
)

// Whoever takes a sandbox's place gets to the overlay, or to those of its layers that
// use directfs, and to no other layer: not past the overlay, and not by a handle.
func TestAttacksOnOverlays(t *testing.T) {
	for name, tt := range map[string]struct {
		options []string
		off     bool // the upper layer, by a hint for its source
		hidden  func(s stack) []string
		on      []string
	}{
		"host": {
			options: []string{"directfs=on"}, on: []string{"/", "/a", "/ov"},
			hidden: func(s stack) []string { return append(slices.Clone(s.lowers), s.upper, s.work) },
		},
		"host, off": {
			options: []string{"directfs=off"}, on: []string{"/", "/a"},
			hidden: func(s stack) []string { return append(slices.Clone(s.lowers), s.upper, s.work) },
		},
		"sentry": {
			options: []string{"gvisor.overlay=sentry", "directfs=on"}, on: []string{"/", "/a", "layers"},
			hidden: func(s stack) []string { return []string{s.work} },
		},
		"sentry, upper off": {
			options: []string{"gvisor.overlay=sentry"}, off: true, on: []string{"/", "/a", "lower layers"},
			hidden: func(s stack) []string { return []string{s.upper, s.work} },
		},
		"sentry, off": {
			options: []string{"gvisor.overlay=sentry", "directfs=off"}, on: []string{"/", "/a"},
			hidden: func(s stack) []string { return append(slices.Clone(s.lowers), s.upper, s.work) },
		},
	} {
		t.Run(name, func(t *testing.T) {
			lab := newLab(t)
			s := newStack(t, lab, "s", 2)
			opts := []harness.Option{
				harness.RootfsHint("on"), harness.Mount("/a", "rw", "directfs=on"), plant(nil),
				s.at("/ov", tt.options...), harness.Args("serve", "/"),
			}
			if tt.off {
				opts = append(opts, harness.Annotation("dev.gvisor.spec.mount.u.source", s.upper), harness.Annotation("dev.gvisor.spec.mount.u.directfs", "off"))
			}
			c := lab.Serve(t, lab.Bundle(t, opts...))
			readReport(t, c)
			execGuest(t, c, "ops", "/ov")
			j := jobFor(t, c, nil, nil)
			for _, dir := range tt.hidden(s) {
				j.Forbidden["layer "+dir] = inodesBelow(t, dir)
				j.Names = append(j.Names, dir)
				j.Handles = append(j.Handles, handleOf(t, dir))
			}
			for attempt := range stoppedBy {
				j.Attempts = append(j.Attempts, attempt)
			}
			results := runAttacks(t, j)
			mix{on: tt.on}.check(t, results)
			checkTaken(t, results, len(tt.on))
			execGuest(t, c, "mounts")
			stop(t, lab, c)
		})
	}
}

// checkTaken expects the attacker to have had the directories that a sandbox holds,
// without which it proves nothing.
func checkTaken(t *testing.T, results map[string]job.Result, least int) {
	t.Helper()
	if got := results["dotdot"].Dirs; got < least {
		t.Errorf("the attacker had %d directories, and the sandbox holds %d mounts", got, least)
	}
}
