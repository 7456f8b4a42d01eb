package e2e

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/directfs/runsc/runsc/harness"
	specs "github.com/opencontainers/runtime-spec/specs-go"
)

// layersOf are the directories of an overlay in a test.
type layersOf struct {
	lower       []string
	upper, work string
}

// newLayers makes the directories of an overlay; with names that have no comma or
// colon.
func newLayers(t *testing.T, lab *harness.Lab, names ...string) (l layersOf) {
	t.Helper()
	dir, err := os.MkdirTemp(lab.Dir, "b")
	if err != nil {
		t.Fatal(err)
	}
	in := func(name string) string {
		path := filepath.Join(dir, name)
		if err := os.Mkdir(path, 0o755); err != nil {
			t.Fatal(err)
		}
		return path
	}
	for _, n := range names {
		l.lower = append(l.lower, in(n))
	}
	l.upper, l.work = in("upper"), in("work")
	return l
}

// mount is the overlay as config.json has it.
func (l layersOf) mount(destination string, options ...string) harness.Option {
	for _, dir := range l.lower {
		options = append(options, "lowerdir+="+dir)
	}
	if l.upper != "" {
		options = append(options, "upperdir="+l.upper, "workdir="+l.work)
	}
	return harness.RawMount(specs.Mount{Destination: destination, Type: "overlay", Source: "overlay", Options: options})
}

// What the kernel says of an overlay is what the plan does.
func TestVerifyHostOverlay(t *testing.T) {
	for _, access := range []string{"on", "off"} {
		t.Run(access, func(t *testing.T) {
			lab := newLab(t)
			c := lab.Serve(t, lab.Bundle(t, harness.Mount("/a"), newLayers(t, lab, "one", "two").mount("/ov", "directfs="+access), harness.Args("serve")))
			readReport(t, c)
			report := checkVerified(t, lab.Runtime, c.ID)
			t.Logf("%+v", report.Rows)
			stop(t, lab, c)
		})
	}
}
