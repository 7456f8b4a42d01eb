package ociconfig_test

import (
	"testing"

	"github.com/directfs/runsc/pkg/ociconfig"
	specs "github.com/opencontainers/runtime-spec/specs-go"
)

// A FIFO or a device in a read-only mount can be written all the same.
func TestSpecialFilesAreWrittenOnReadOnlyMounts(t *testing.T) {
	spec := &specs.Spec{
		Root:   &specs.Root{Path: "/r", Readonly: true},
		Mounts: []specs.Mount{{Destination: "/a", Type: "bind", Source: "/a", Options: []string{"ro"}}},
	}
	for _, special := range []bool{false, true} {
		r, err := ociconfig.Request(spec, ociconfig.Options{SpecialFiles: special, MountOverlay: true, RootfsOverlay: true})
		if err != nil {
			t.Fatal(err)
		}
		if r.Rootfs.ReadOnly == special || r.Mounts[0].ReadOnly == special {
			t.Errorf("special files %t: rootfs read-only %t, mount read-only %t", special, r.Rootfs.ReadOnly, r.Mounts[0].ReadOnly)
		}
	}
}
