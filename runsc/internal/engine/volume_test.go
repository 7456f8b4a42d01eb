package engine_test

import (
	"slices"
	"testing"

	"github.com/directfs/runsc/directfspolicy"
	"github.com/directfs/runsc/pkg/ociconfig"
	"github.com/directfs/runsc/runsc/internal/engine"
	specs "github.com/opencontainers/runtime-spec/specs-go"
	"gvisor.dev/gvisor/pkg/seccomp"
	"gvisor.dev/gvisor/runsc/config"
	"gvisor.dev/gvisor/runsc/fsgofer/filter"
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

// A gofer is left exactly the calls that the plan names for its volumes and that
// their backends declare, beside those of every gofer.
func TestNarrowForVolumes(t *testing.T) {
	for name, tt := range map[string]struct {
		gofer directfspolicy.Gofer
		sets  []directfspolicy.SetName
		more  []string
	}{
		"outside":                  {directfspolicy.Gofer{Outside: true}, []directfspolicy.SetName{directfspolicy.GoferBase}, nil},
		"in the gofer":             {directfspolicy.Gofer{}, []directfspolicy.SetName{directfspolicy.GoferBase, directfspolicy.GoferVolume}, nil},
		"in the gofer, calls more": {directfspolicy.Gofer{}, []directfspolicy.SetName{directfspolicy.GoferBase, directfspolicy.GoferVolume}, []string{"fchmod", "unlinkat"}},
	} {
		t.Run(name, func(t *testing.T) {
			p, err := directfspolicy.Resolve(directfspolicy.Request{
				Mounts: []directfspolicy.Mount{{Destination: "/v", Backend: directfspolicy.StockGofer, Hints: []directfspolicy.Hint{
					{Knob: directfspolicy.GoferKnob, Key: "k", Setting: "blob/scratch"},
				}}},
				Backends: []string{"blob"}, Gofers: map[directfspolicy.GoferName]directfspolicy.Gofer{{Backend: "blob", Volume: "scratch"}: tt.gofer},
			})
			if err != nil {
				t.Fatal(err)
			}
			if !slices.Equal(p.Gofer(), tt.sets) {
				t.Errorf("the plan names %v, want %v", p.Gofer(), tt.sets)
			}
			narrow, err := engine.NarrowGofer(p, tt.more)
			if err != nil || narrow == nil {
				t.Fatalf("%v, %v", narrow, err)
			}
			rules, err := engine.CallRules(tt.more)
			if err != nil {
				t.Fatal(err)
			}
			all := names(t, goferRules(engine.GoferFilter(filter.Options{ExtraRules: []seccomp.SyscallRules{rules}}, p)))
			denied := names(t, narrow.RuleSets[1].Rules)
			want := append(directfspolicy.Calls(tt.sets...), tt.more...)
			if got := minus(all, denied); len(minus(got, want))+len(minus(want, got)) > 0 {
				t.Errorf("left are %v beside what is planned, and %v are not", minus(got, want), minus(want, got))
			}
		})
	}
}
