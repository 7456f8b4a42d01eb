package gofer

import (
	"testing"

	"github.com/directfs/runsc/directfspolicy"
	"github.com/directfs/runsc/pkg/ociconfig"
	"github.com/directfs/runsc/runsc/internal/isolation"
	specs "github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"
	"gvisor.dev/gvisor/runsc/specutils"
	"pgregory.net/rapid"
)

// What the policy takes a mount's options for, the gofer makes of them: whether
// anything may be written, and whether what is mounted in the source comes along.
func TestOptionsMeanTheSame(t *testing.T) {
	words := []string{"ro", "rw", "bind", "rbind", "rro", "rrw", "recursive", "RO", "slave", "rslave", "rprivate", "noexec", "nosuid", "dev", "remount", "rnoatime"}
	rapid.Check(t, func(t *rapid.T) {
		options := rapid.SliceOfN(rapid.SampledFrom(words), 0, 5).Draw(t, "options")
		m := specs.Mount{Destination: "/m", Type: "bind", Source: "/s", Options: options}
		var along bool
		sources := func(name string, submounts bool) ([]directfspolicy.Source, error) {
			if name == m.Source {
				along = submounts
			}
			return []directfspolicy.Source{{Path: name}}, nil
		}
		p, err := ociconfig.Plan(&specs.Spec{Root: &specs.Root{Path: "/r"}, Mounts: []specs.Mount{m}}, ociconfig.Options{Sources: sources})
		if err != nil {
			t.Fatal(err)
		}
		a, err := isolation.OfMount(m, false)
		if err != nil {
			return // refused
		}
		d := p.Decisions()[1]
		if a.ReadOnly != d.ReadOnly {
			t.Errorf("read-only: the policy says %t, the gofer %t", d.ReadOnly, a.ReadOnly)
		}
		if recursive := specutils.OptionsToFlags(options)&unix.MS_REC != 0; recursive != along {
			t.Errorf("with submounts: the policy says %t, the gofer %t", along, recursive)
		}
	})
}
