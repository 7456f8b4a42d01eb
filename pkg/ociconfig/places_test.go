package ociconfig_test

import (
	"errors"
	"testing"

	"github.com/directfs/runsc/directfspolicy"
	"github.com/directfs/runsc/pkg/ociconfig"
	specs "github.com/opencontainers/runtime-spec/specs-go"
)

// The sandbox makes some directories itself.
func TestPlacesOfTheSandbox(t *testing.T) {
	for destination, ok := range map[string]bool{"/dev": false, "/dev/": false, "/dev/pts": false, "/dev/shm": true, "/proc": true, "/device": true} {
		for _, typ := range []string{"bind", "tmpfs"} {
			m := specs.Mount{Destination: destination, Type: typ, Source: "/src"}
			_, err := ociconfig.Plan(&specs.Spec{Root: &specs.Root{Path: "/r"}, Mounts: []specs.Mount{m}}, ociconfig.Options{Flag: true})
			if ok || typ == "tmpfs" {
				if err != nil {
					t.Errorf("%s at %s: %v", typ, destination, err)
				}
			} else if !errors.Is(err, directfspolicy.ErrInvalidRequest) {
				t.Errorf("%s at %s: %v", typ, destination, err)
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
