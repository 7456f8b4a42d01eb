package ociconfig

import (
	"errors"
	"fmt"

	"github.com/directfs/runsc/directfspolicy"
	specs "github.com/opencontainers/runtime-spec/specs-go"
)

// ErrIDMappings: a hint names a gofer for a mount with ID mappings. They are for a
// directory of the host: a volume has the container's IDs.
var ErrIDMappings = errors.New("uidMappings and gidMappings of the mount have no meaning for a volume")

// checkPlaces refuses mounts of the host, and volumes, where the sandbox mounts what
// it makes itself, whatever the spec says (runsc/boot/vfs.go:368). It would start,
// and end because an FD is left over.
func checkPlaces(mounts []directfspolicy.Mount) (errs []error) {
	for _, m := range mounts {
		if m.Backend != directfspolicy.NoGofer && (m.Destination == "/dev" || m.Destination == "/dev/pts") {
			errs = append(errs, fmt.Errorf("%w: mount %q: the sandbox makes this directory itself, and nothing else can be there: mount at another place, or below it",
				directfspolicy.ErrInvalidRequest, m.Destination))
		}
	}
	return errs
}

// refuseIDMappings refuses the hints that name a gofer for such a mount.
func (p *parser) refuseIDMappings(sm specs.Mount, hints []directfspolicy.Hint) {
	if len(sm.UIDMappings)+len(sm.GIDMappings) == 0 {
		return
	}
	for _, h := range hints {
		p.refuse(&directfspolicy.HintError{
			Key: h.Key, Value: string(h.Setting), Mount: sm.Destination, Allowed: []string{string(directfspolicy.Default)},
			Fix: "remove the mappings, or the hint",
			Err: ErrIDMappings,
		})
	}
}
