package engine_test

import (
	"testing"

	"github.com/directfs/runsc/directfspolicy"
	"github.com/directfs/runsc/pkg/ociconfig"
	"github.com/directfs/runsc/runsc/internal/engine"
	specs "github.com/opencontainers/runtime-spec/specs-go"
	"gvisor.dev/gvisor/runsc/config"
)

// A mount is served by a backend that a hint names. What is at the source of such a mount is not looked at, and serving it fails.
func TestGofers(t *testing.T) {
	spec := &specs.Spec{
		Root: &specs.Root{Path: t.TempDir()}, Annotations: map[string]string{"dev.gvisor.spec.rootfs.directfs": "off"},
		Mounts: []specs.Mount{{Destination: "/v", Type: "bind", Source: "/not/there", Options: []string{"gofer=zip/tree", "cache=exclusive"}}},
	}
	conf := &config.Config{DirectFS: true}
	o := engine.Options(conf, nil)
	if _, err := ociconfig.Plan(spec, o); err == nil {
		t.Error("nobody registered a backend, and a hint names one")
	}
	o.Gofers = map[string]ociconfig.GoferFunc{"zip": func(ociconfig.GoferQuery) (directfspolicy.Gofer, error) {
		return directfspolicy.Gofer{DonatesRoot: true}, nil
	}}
	p, err := ociconfig.Plan(spec, o)
	if err != nil {
		t.Fatal(err)
	}
	d := p.Decisions()[1]
	if d.Access != directfspolicy.DirectFS || d.Gofer.String() != "zip/tree" {
		t.Errorf("%+v", d)
	}
	if err := engine.CheckKnown(p); err != nil {
		t.Errorf("a source that is only a name must be there: %v", err)
	}
	if err := engine.CheckSource(d, 1, 1); err == nil {
		t.Error("a file is taken for what is in the volume")
	}
}
