package ociconfig_test

import (
	"errors"
	"slices"
	"testing"

	"github.com/directfs/runsc/directfspolicy"
	"github.com/directfs/runsc/pkg/ociconfig"
	specs "github.com/opencontainers/runtime-spec/specs-go"
)

// The sandbox makes some directories itself. What says bind in its options, as
// container engines write it, is a bind mount there too.
func TestPlacesOfTheSandbox(t *testing.T) {
	places := map[string]bool{"/dev": true, "/dev/": true, "/dev/pts": true, "/dev/shm": false, "/proc": false, "/device": false}
	for destination, own := range places {
		for _, m := range []specs.Mount{
			{Type: "bind"}, {Type: "bind", Options: []string{"ro"}}, {Type: "bind", Options: []string{"ro", "bind"}},
			{Type: "none", Options: []string{"rbind"}}, {Type: "tmpfs"},
		} {
			m.Destination, m.Source = destination, "/src"
			says := slices.Contains(m.Options, "bind") || slices.Contains(m.Options, "rbind")
			_, err := ociconfig.Plan(&specs.Spec{Root: &specs.Root{Path: "/r"}, Mounts: []specs.Mount{m}}, ociconfig.Options{Flag: true})
			if refused := own && m.Type == "bind" && !says; errors.Is(err, directfspolicy.ErrInvalidRequest) != refused || !refused && err != nil {
				t.Errorf("%s %v at %s: %v", m.Type, m.Options, destination, err)
			}
		}
	}
}

// A volume has the container's IDs. Directories of the host may have mappings.
func TestIDMappingsOfVolume(t *testing.T) {
	one := []specs.LinuxIDMapping{{ContainerID: 0, HostID: 1000, Size: 1}}
	for _, volume := range []bool{true, false} {
		m := specs.Mount{Destination: "/v", Type: "bind", Source: "/src", UIDMappings: one, GIDMappings: one}
		if volume {
			m.Options = []string{"gofer=blob/x"}
		}
		ask := func(ociconfig.GoferQuery) (directfspolicy.Gofer, error) { return directfspolicy.Gofer{}, nil }
		_, err := ociconfig.Plan(&specs.Spec{Root: &specs.Root{Path: "/r"}, Mounts: []specs.Mount{m}},
			ociconfig.Options{Flag: true, Gofers: map[string]ociconfig.GoferFunc{"blob": ask}})
		if errors.Is(err, ociconfig.ErrIDMappings) != volume || !volume && err != nil {
			t.Errorf("volume=%v: %v", volume, err)
		}
	}
}
