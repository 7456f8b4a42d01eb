package e2e

import (
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/directfs/runsc/runsc/harness"
	"github.com/directfs/runsc/runsc/internal/e2e/guest/report"
)

// Somebody exchanges what a link leads to while a container is created that has
// a mount of the link, beside a hint for it.
func TestOffHintForNameThatLeadsElsewhere(t *testing.T) {
	lab := newLab(t)
	v := volume(lab, "v")
	link, other := filepath.Join(v, "link"), filepath.Join(v, "other")
	for name, to := range map[string]string{link: "a", other: "b"} {
		if err := os.MkdirAll(filepath.Join(v, to, "sub"), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.Symlink(to, name); err != nil {
			t.Fatal(err)
		}
	}
	checkNeverDirect(t, lab, link, link, link, other)
	checkNeverDirect(t, lab, link, link+"/sub", link, other)
}

// Somebody exchanges directories of the host in which a volume that is off is
// mounted.
func TestOffHintForMountThatIsMoved(t *testing.T) {
	lab := newLab(t)
	v, p, q := volume(lab, "v"), volume(lab, "p"), volume(lab, "q")
	if err := os.MkdirAll(filepath.Join(v, "sub"), 0o755); err != nil {
		t.Fatal(err)
	}
	for _, dir := range []string{p, q} {
		bindOnHost(t, filepath.Join(v, "sub"), filepath.Join(dir, "m"))
	}
	checkNeverDirect(t, lab, v, filepath.Join(p, "m"), p, q)
}

// checkNeverDirect starts containers of a pod in which a source is off, while
// two names are exchanged. Refusing them is fine.
func checkNeverDirect(t *testing.T, lab *harness.Lab, off, source, name, other string) {
	t.Helper()
	const containers = 12
	pause := servePod(t, lab, lab.Runtime, true, harness.PodSandbox(), podHint("off", off, "off"))
	names := exchange(name, other)
	for range containers {
		names.await()
		c, err := lab.Create(harness.Context(t), lab.ID(), lab.Bundle(t, harness.PodMember(pause.ID, "app"), mountRaw(source, "/m"), harness.Args("serve", "/m")))
		if err != nil {
			continue
		}
		lab.Keep(t, c)
		if c.Start(harness.Context(t)) != nil {
			continue
		}
		if slices.ContainsFunc(readReport(t, c).Mounts, func(m report.Mount) bool { return m.Mount == "/m" && slices.Contains(m.Options, "directfs") }) {
			t.Errorf("a mount of %s uses directfs beside an off hint for %s", source, off)
		}
		stop(t, lab, c)
	}
	if err := names.stop(); err != nil {
		t.Error(err)
	}
	stop(t, lab, pause)
}
