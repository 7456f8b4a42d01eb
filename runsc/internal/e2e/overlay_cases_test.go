package e2e

import (
	"fmt"
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

// firstJobs change the overlays. againJobs go on with what the upper layer kept.
var (
	firstJobs = []string{"first:ov", "readonly:ro", "layers:deep"}
	againJobs = []string{"again:ov", "changed:ov"}
)

// testOverlay runs the guest's cases in a container, and goes on in a second one
// with the same upper layer. What they see is expected to be what processes of
// the host see of an overlay with the same layers. Each side reads then what the
// other has written.
func testOverlay(t *testing.T, c overlayConfig) {
	lab := newLab(t, flag(c.directfs))
	if c.owner != 0 {
		lab = rootless(t, lab, c.owner)
	}
	dialect := c.dialect()
	owned := harness.OwnedBy(uint32(c.owner))
	memory := inMemory(t, lab)
	ours, theirs := newUnions(t, memory, dialect, c.owner), newUnions(t, memory, dialect, c.owner)
	d := newComparison(t, c)

	want := native(t, lab, theirs, c.owner, append(firstJobs, "tree:ov"))
	got := c.driver.inside(t, lab, ours, append([]string{"mount:ov", "mount:ro"}, firstJobs...), owned)
	c.checkMounted(t, got)
	d.compareJobs(t, firstJobs, got, want)

	marks := []string{"marks:upper"}
	got = runNative(t, filepath.Dir(ours["ov"].Upper), 0, marks)
	d.compareJobs(t, marks, got, runNative(t, filepath.Dir(theirs["ov"].Upper), 0, marks))

	both := unions{"ov": ours["ov"], "theirs": theirs["ov"]}
	trees := []string{"changed:theirs"}
	if !c.partial() {
		trees = append(trees, "tree:ov")
	}
	seen := native(t, lab, both, c.owner, trees)
	got = c.driver.inside(t, lab, both, append(trees, againJobs...), owned)
	d.compareJobs(t, trees[1:], got, want)
	d.compareJobs(t, trees, got, seen)
	d.compareJobs(t, againJobs, got, native(t, lab, theirs, c.owner, againJobs))
	d.compareJobs(t, againJobs[1:], got, native(t, lab, unions{"ov": ours["ov"]}, c.owner, againJobs[1:]))
	d.checkAllSeen(t)
}

// dialect is the one that the layers are written in. gVisor's overlay knows one
// alone, and the kernel takes that one alone from who is not root.
func (c overlayConfig) dialect() layers.Dialect {
	if c.owner != 0 || c.driver == sentryDriver {
		return layers.User
	}
	return layers.Trusted
}

// partial says that not all of the tree is read: layers that LisaFS serves answer
// so slowly to gVisor's overlay that this alone would take longer than the rest.
func (c overlayConfig) partial() bool { return c.driver == sentryDriver && !c.directfs }

// checkMounted expects the access that the container was to have: with another one
// the rest says nothing.
func (c overlayConfig) checkMounted(t *testing.T, got records) {
	t.Helper()
	for job, readOnly := range map[string]bool{"mount:ov": false, "mount:ro": true} {
		want := fmt.Sprintf("type 9p directfs %v read-only %v", c.directfs, readOnly)
		if c.driver == sentryDriver {
			want = fmt.Sprintf("type overlay directfs %v read-only %v", c.directfs, readOnly)
		}
		if len(got[job]) != 1 || got[job][0].Result != want {
			t.Errorf("%s: %v, want %s", job, got[job], want)
		}
	}
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
			d.compareJobs(t, jobs, got, want)
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
