package e2e

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/directfs/runsc/runsc/harness"
	specs "github.com/opencontainers/runtime-spec/specs-go"
)

// mountRaw mounts a source of which the bundle makes nothing.
func mountRaw(source, destination string, options ...string) harness.Option {
	return harness.Edit(func(s *specs.Spec) {
		s.Mounts = append(s.Mounts, specs.Mount{Destination: destination, Type: "bind", Source: source, Options: append([]string{"rbind"}, options...)})
	})
}

// The kernel follows a link before it goes up, so that the mount is the volume
// that is off, whatever lies beside the link.
func TestOffHintCoversSourceThatGoesUpFromLink(t *testing.T) {
	lab := newLab(t)
	v, decoy := volume(lab, "v"), volume(lab, "decoy")
	for _, dir := range []string{filepath.Join(v, "in"), filepath.Join(v, "off"), decoy} {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Symlink(filepath.Join(v, "in"), filepath.Join(decoy, "link")); err != nil {
		t.Fatal(err)
	}
	pause := servePod(t, lab, lab.Runtime, true, harness.PodSandbox(), podHint("v", filepath.Join(v, "off"), "off"))
	c := lab.Serve(t, lab.Bundle(t, harness.PodMember(pause.ID, "app"), mountRaw(decoy+"/link/../off", "/m"), harness.Args("serve", "/m")))
	want := access{"/": true, "/m": false}
	checkMountOptions(t, want, readReport(t, c))
	checkPodHeld(t, map[*harness.Container]access{pause: {"/": true}, c: want})
	stop(t, lab, pause, c)
}

// A source that is not there when the hints are matched cannot come to be what
// is off before the container starts.
func TestOffHintAndSourceThatComesLater(t *testing.T) {
	lab := newLab(t)
	off, late := volume(lab, "off"), volume(lab, "late")
	if err := os.MkdirAll(off, 0o755); err != nil {
		t.Fatal(err)
	}
	pause := servePod(t, lab, lab.Runtime, true, harness.PodSandbox(), podHint("off", off, "off"))
	id := lab.ID()
	c, err := lab.Create(harness.Context(t), id, lab.Bundle(t, harness.PodMember(pause.ID, "app"), mountRaw(late, "/m"), harness.Args("serve", "/m")))
	if err == nil {
		if err := os.Symlink(off, late); err != nil {
			t.Fatal(err)
		}
		if err := c.Start(harness.Context(t)); err == nil {
			t.Errorf("the container has the volume that is off by directfs: %+v", readReport(t, c).Mounts)
			stop(t, lab, c)
		}
	} else if !strings.Contains(err.Error(), late) {
		t.Error(err)
	}
	stop(t, lab, pause)
}
