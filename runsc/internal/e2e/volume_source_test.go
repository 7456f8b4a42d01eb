package e2e

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/directfs/runsc/runsc/harness"
	specs "github.com/opencontainers/runtime-spec/specs-go"
)

// mountFrom mounts a volume with another source than its directory.
func (l *volumeLab) mountFrom(source, destination, volume string, options ...string) harness.Option {
	options = append([]string{"gofer=" + l.backend + "/" + volume}, options...)
	return harness.RawMount(specs.Mount{Destination: destination, Type: "bind", Source: source, Options: options})
}

// The source of a mount that a volume serves is only a name: an overlay that
// would keep its files there is refused, whether the host has something of that
// name or not.
func TestVolumeOverlayInSource(t *testing.T) {
	for name, c := range map[string]struct {
		overlay string
		share   string
	}{
		"by flag":                 {overlay: "all:self"},
		"shared in the pod":       {overlay: "none", share: "pod"},
		"shared in the container": {overlay: "none", share: "container"},
	} {
		t.Run(name, func(t *testing.T) {
			servedBoth(t, func(t *testing.T, l *volumeLab) {
				for _, there := range []bool{true, false} {
					source := volume(l.Lab, fmt.Sprint("host-", there))
					if there {
						check(t, os.Mkdir(source, 0o755))
					}
					options := []harness.Option{l.mountFrom(source, "/v", "memory-v", "rw")}
					if c.share != "" {
						for field, value := range map[string]string{"source": source, "type": "bind", "share": c.share} {
							options = append(options, harness.Annotation("dev.gvisor.spec.mount.x."+field, value))
						}
					}
					checkRefusedFor(t, l.Lab, l.Runtime, `mount option gofer="`+l.backend+`/memory-v" (mount "/v"): `+
						"the overlay over the mount keeps its files in the source, which is only a name for the gofer", l.Bundle(t, options...))
					if left, _ := filepath.Glob(source + "/.*"); len(left) > 0 {
						t.Errorf("made in the source: %q", left)
					}
				}
			}, "--overlay2="+c.overlay)
		})
	}
}

// A container with more mounts of daemons than a message can have files is
// refused, and does not wait for ever.
func TestVolumesOfDaemonsAreLimited(t *testing.T) {
	l := newDaemonLab(t)
	var mounts []harness.Option
	for i := range 254 {
		mounts = append(mounts, l.mountFrom("/nowhere", fmt.Sprint("/v", i), fmt.Sprint("memory-", i)))
	}
	checkRefusedFor(t, l.Lab, l.Runtime, "too many mounts are served by volume daemons: 254, and a container can have 253; give it fewer mounts", l.Bundle(t, mounts...))
}

// A link in a volume, which nobody sees beforehand, leads a mount below it to
// another mount's place. The decisions stay with the files, and verify says that
// the places are others.
func TestLinkInVolume(t *testing.T) {
	servedBoth(t, func(t *testing.T, l *volumeLab) {
		b := l.Bundle(t, harness.Mount("/off", "rw", "directfs=off"), l.mount(t, "/v", "host", "v"), harness.Mount("/v/link", "rw", "directfs=on"), harness.Args("serve"))
		check(t, os.Symlink("/off", filepath.Join(l.dir, "v", "link")))
		c := l.Serve(t, b)
		readReport(t, c)
		checkHeld(t, c, direct(access{"/": true, "/off": false, "/v": false, "/v/link": true}))
		res, err := l.Command(harness.Context(t), "policy", "verify", c.ID)
		if err != nil || res.ExitCode == 0 || !strings.Contains(res.Stdout, "DIFFERS  /off access") {
			t.Errorf("verify: %+v, %v", res, err)
		}
		stop(t, l.Lab, c)
	}, flag(true))
}
