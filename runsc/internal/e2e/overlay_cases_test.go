package e2e

import (
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/directfs/runsc/runsc/harness"
	"github.com/directfs/runsc/runsc/internal/e2e/layers"
)

// overlayConfig is one way in which a container gets an overlay.
type overlayConfig struct {
	driver   overlayDriver
	directfs bool
	owner    int // of the layers; 0 is root, others are rootless
}

// firstJobs change the overlays, and say what they are afterwards.
var firstJobs = []string{"first:ov", "tree:ov", "readonly:ro", "layers:deep"}

// againJobs go on where firstJobs have ended.
var againJobs = []string{"again:ov", "tree:ov"}

// testOverlay runs the guest's cases in a container, twice on the same upper
// layer, and expects what a process of the host sees of an overlay with the
// same layers. Each side reads then what the other has written.
func testOverlay(t *testing.T, c overlayConfig) {
	lab := newLab(t, flag(c.directfs))
	dialect := layers.Trusted
	if c.owner != 0 {
		lab, dialect = rootless(t, lab, c.owner), layers.User
	}
	options := []harness.Option{harness.OwnedBy(uint32(c.owner))}
	memory := inMemory(t, lab)
	ours, theirs := newUnions(t, memory, dialect, c.owner), newUnions(t, memory, dialect, c.owner)
	d := newComparison(t, c)

	want := native(t, lab, theirs, c.owner, firstJobs)
	got := c.driver.inside(t, lab, ours, firstJobs, options...)
	for _, job := range firstJobs {
		d.compare(t, job, got[job], want[job])
	}
	seen := native(t, lab, unions{"ov": ours["ov"]}, c.owner, []string{"tree:ov"})
	d.compare(t, "on the host, tree:ov", got["tree:ov"], seen["tree:ov"])

	ours = unions{"ov": ours["ov"], "theirs": theirs["ov"]}
	got = c.driver.inside(t, lab, ours, append([]string{"tree:theirs"}, againJobs...), options...)
	d.compare(t, "tree:theirs", got["tree:theirs"], want["tree:ov"])
	want = native(t, lab, theirs, c.owner, againJobs)
	for _, job := range againJobs {
		d.compare(t, "again, "+job, got[job], want[job])
	}
	d.checkAllSeen(t)
}

// rootless makes the lab's runtime that of a user.
func rootless(t *testing.T, lab *harness.Lab, owner int) *harness.Lab {
	t.Helper()
	lab.Runtime = lab.With("--rootless")
	var err error
	if lab.Runtime, err = lab.As(uint32(owner)); err != nil {
		t.Fatal(err)
	}
	return lab
}

// What a mount that a gofer serves does differently from a directory of the
// host has nothing to do with overlays: [plainDeviations] has it, and is a part
// of every other table.
func TestOverlayCasesOnPlainBind(t *testing.T) {
	for _, directfs := range []bool{true, false} {
		t.Run(flag(directfs), func(t *testing.T) {
			c := overlayConfig{driver: plainBind, directfs: directfs}
			lab := newLab(t, flag(directfs))
			jobs := []string{"first:plain", "tree:plain"}
			theirs, ours := plainCopy(t, lab), plainCopy(t, lab)
			d := newComparison(t, c)
			want := runNative(t, theirs, 0, jobs)
			got := runJobs(t, lab, jobs, harness.MountFrom(filepath.Join(ours, "plain"), "/plain"))
			for _, job := range jobs {
				d.compare(t, job, got[job], want[job])
			}
			d.checkAllSeen(t)
		})
	}
}

// plainCopy is a directory with a directory "plain" that has what the overlay
// shows.
func plainCopy(t *testing.T, lab *harness.Lab) string {
	t.Helper()
	memory := inMemory(t, lab)
	m, release := byHand.mount(t, lab, "/", newUnions(t, memory, layers.Trusted, 0)["ov"])
	defer release()
	if out, err := exec.Command("cp", "-a", m.Source, filepath.Join(memory, "plain")).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	return memory
}

// An overlay that was mounted by hand is what the drivers are compared with.
func TestOverlayByHand(t *testing.T) {
	for _, directfs := range []bool{true, false} {
		t.Run(flag(directfs), func(t *testing.T) { testOverlay(t, overlayConfig{driver: byHand, directfs: directfs}) })
	}
}
