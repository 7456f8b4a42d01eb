package hostfs

import (
	"testing"

	"github.com/directfs/runsc/directfspolicy"
	"github.com/directfs/runsc/pkg/ociconfig"
	specs "github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"
)

// What is mounted in a volume is inside it, by whatever path it is reached, for
// a hint that turns directfs off; one that asks for it is for what it names.
func TestHintsAndWhatIsMountedInTheirSource(t *testing.T) {
	inNamespace(t, func(_ *Reader, dir string) {
		volume, disk := mkdir(t, dir, "volume"), mkdir(t, dir, "disk")
		mount(t, "tmpfs", disk, "tmpfs", 0)
		mount(t, disk, mkdir(t, volume, "sub"), "", unix.MS_BIND)
		mkdir(t, disk, "deep")
		for _, source := range []string{volume + "/sub", disk, disk + "/deep"} {
			if a := accessOf(t, volume, "off", source, true); a != directfspolicy.LisaFS {
				t.Errorf("%s beside an off volume: %v", source, a)
			}
		}
		if a := accessOf(t, volume, "on", disk, false); a != directfspolicy.LisaFS {
			t.Errorf("the disk beside a volume that is on: %v", a)
		}
	})
}

// accessOf is what a mount of the source gets in a pod with a hint for another
// one.
func accessOf(t *testing.T, hinted, value, source string, flag bool) directfspolicy.Access {
	t.Helper()
	p, err := ociconfig.Plan(&specs.Spec{
		Root: &specs.Root{Path: "/nowhere"},
		Annotations: map[string]string{
			"io.kubernetes.cri.container-type": "sandbox",
			"dev.gvisor.spec.mount.v.source":   hinted, "dev.gvisor.spec.mount.v.directfs": value,
		},
		Mounts: []specs.Mount{{Destination: "/m", Type: "bind", Source: source}},
	}, ociconfig.Options{Flag: flag, Sources: newReader("/proc/thread-self/mountinfo").Sources})
	if err != nil {
		t.Error(err)
		return directfspolicy.NoAccess
	}
	return p.Decisions()[1].Access
}
