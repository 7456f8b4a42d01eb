package e2e

import (
	"strings"
	"testing"

	"github.com/directfs/runsc/runsc/harness"
	"github.com/directfs/runsc/runsc/internal/e2e/attacker/job"
)

// upstreamLab is a lab with the engine's own runtime, without isolation.
func upstreamLab(t *testing.T, flags ...string) *harness.Lab {
	t.Helper()
	program := harness.Program(t, harness.UpstreamPackage)
	lab := newLab(t, flags...)
	lab.Binary = program
	return lab
}

// The attacks are real: where mounts are not isolated, they succeed. The hint
// is one that upstream obeys, so that its sandbox holds nothing of the mount.
func TestAttacksOnUpstream(t *testing.T) {
	lab := upstreamLab(t, flag(true))
	hints := []harness.Option{harness.Mount("/a"), harness.Mount("/c"), harness.MountHint("a", "/a", "off")}
	for _, key := range []string{"type=bind", "share=shared"} {
		k, v, _ := strings.Cut(key, "=")
		hints = append(hints, harness.Annotation("dev.gvisor.spec.mount.a."+k, v))
	}
	c := lab.Serve(t, lab.Bundle(t, append(hints, plant([]string{"/a"}), harness.Args("serve", "/", "/c"))...))
	r := readReport(t, c)
	if m, _ := r.Mount("/a"); m.Has("directfs") {
		t.Fatalf("upstream did not obey the hint: %+v", m)
	}
	for name, from := range map[string]string{"down": "/", "dotdot": "/c", "absolute": ""} {
		j := jobFor(t, c, []string{"/a"}, nil)
		j.Attempts = []string{name}
		if from != "" {
			j.Only = []job.Inode{inodeOf(t, c.Bundle.Source(from))}
		}
		got := runAttacks(t, j)[name]
		t.Logf("%s: %q", name, got.Breaches)
		if want := from != ""; (len(got.Breaches) > 0) != want {
			t.Errorf("%s from %s: breaches %q; want any: %v", name, from, got.Breaches, want)
		}
	}
	stop(t, lab, c)
}
