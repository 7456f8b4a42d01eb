package gofer

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/directfs/runsc/directfspolicy"
	"github.com/directfs/runsc/pkg/ociconfig"
	"github.com/directfs/runsc/runsc/internal/engine"
	specs "github.com/opencontainers/runtime-spec/specs-go"
)

// inMemory is the source of a bind mount that no connection serves.
const inMemory = "/in memory"

// overlays places the mounts of a spec, of which those of type overlay are the
// sentry's, and returns where they are.
func (p *scene) overlays(mounts ...specs.Mount) ([]string, error) {
	p.tb.Helper()
	spec := &specs.Spec{Root: &specs.Root{Path: p.rootfs}, Mounts: mounts}
	plan, err := ociconfig.Plan(spec, ociconfig.Options{Flag: true, OverlayDriver: ociconfig.OverlaySentry, FirstProcess: p.source("program")})
	p.must(err)
	mounts = engine.LowerOverlays(mounts, plan)
	decisions := plan.Decisions()
	conns := []connection{{source: p.rootfs, path: "/", donate: true, tree: -1, decision: decisions[0]}}
	for i := range mounts {
		m := mounts[i]
		if d := decisions[1+i]; d.Access != directfspolicy.NoAccess && (d.Layer == nil || d.Layer.Kind != directfspolicy.ReportFile) && m.Source != inMemory {
			conns = append(conns, connection{source: m.Source, path: m.Destination, mount: &mounts[i], index: i, donate: true, tree: -1, decision: d})
		}
	}
	p.tb.Cleanup(func() {
		for _, c := range conns {
			closeAll([]int{c.tree})
		}
	})
	p.must(takeTrees(conns, nil))
	return place(conns, mounts, plan)
}

func (p *scene) overlay(destination string) specs.Mount {
	return specs.Mount{Destination: destination, Type: "overlay", Options: []string{"lowerdir=" + p.source("a") + ":" + p.source("b")}}
}

func (p *scene) link(target, name string) { p.must(os.Symlink(target, filepath.Join(p.rootfs, name))) }

// What belongs to an overlay is below its place, and so is what the spec mounts in it.
func TestPlacesOfOverlays(t *testing.T) {
	p := newScene(t)
	got, err := p.overlays(p.overlay("/ov"), specs.Mount{Destination: "/ov/x/y", Type: "bind", Source: p.source("x")},
		specs.Mount{Destination: "/ov/t", Type: "tmpfs", Source: "tmpfs"}, specs.Mount{Destination: "/else", Type: "tmpfs", Source: "tmpfs"})
	if err != nil {
		t.Fatal(err)
	}
	want := []string{"/ov", "/ov/l0", "/ov/l1", "/ov/runsc-first-process", "/ov/report", "/ov/m0", "/ov/m1", ""}
	if len(got) != len(want) {
		t.Fatalf("places %q, want %q", got, want)
	}
	for i := range got {
		if got[i] != want[i] {
			t.Errorf("place %d is %q, want %q", i, got[i], want[i])
		}
	}
	if _, err := os.Lstat(filepath.Join(p.rootfs, "ov", "x")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a mount point in the overlay was made in the rootfs: %v", err)
	}
}

// Nobody knows beforehand that a link leads to an overlay or into one.
func TestLinksToOverlays(t *testing.T) {
	for name, tt := range map[string]struct {
		link, destination string
		want              error
	}{
		"into": {"/ov", "/into/x", errIntoOverlay},
		"onto": {"/ov", "/onto", errTwoAtOverlay},
		"in":   {"/else", "/x", errLinkToOverlay},
	} {
		overlay := "/ov"
		if name == "in" {
			overlay = "/in/ov"
		}
		for _, kind := range []string{"bind", "tmpfs"} {
			p := newScene(t)
			p.link(tt.link, name)
			_, err := p.overlays(p.overlay(overlay), specs.Mount{Destination: tt.destination, Type: kind, Source: p.source("x")})
			if !errors.Is(err, tt.want) {
				t.Errorf("%s, %s: error %v, want %v", name, kind, err, tt.want)
			}
		}
	}
}

// In a volume, others can put something else at the place of an overlay. In the
// container's own memory they cannot.
func TestOverlaysInMounts(t *testing.T) {
	for kind, want := range map[string]error{"bind": errOverlayInMount, "tmpfs": nil} {
		p := newScene(t)
		_, err := p.overlays(specs.Mount{Destination: "/v", Type: kind, Source: p.source("v")}, p.overlay("/v/x/ov"))
		if !errors.Is(err, want) {
			t.Errorf("in a mount of type %s: error %v, want %v", kind, err, want)
		}
	}
}

// A bind mount without a connection is in the sandbox's memory, and shared with other
// containers. Links must not choose its place.
func TestSharedBesideOverlays(t *testing.T) {
	shared := func(destination string) specs.Mount {
		return specs.Mount{Destination: destination, Type: "bind", Source: inMemory}
	}
	for _, tt := range []struct {
		destination string
		want        error
	}{{"/long/name", nil}, {"/link", errTwoAtOverlay}, {"/far/name", errBesideOverlay}, {"/ov", errTwoAtOverlay}} {
		p := newScene(t)
		p.link("ov", "link")
		p.link("/proc/x", "far")
		_, err := p.overlays(p.overlay("/ov"), shared(tt.destination))
		if !errors.Is(err, tt.want) {
			t.Errorf("%s: error %v, want %v", tt.destination, err, tt.want)
		}
	}
}
