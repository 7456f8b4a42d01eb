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

// refusePlace refuses a mount of the host, or a volume, where the sandbox makes what
// it mounts itself, unless its options say that it is a bind mount: by these the
// sandbox finds out again what it is, after it has put another type over the spec's
// (runsc/boot/vfs.go:368 and prepareMounts). It would start, and end because an FD
// is left over.
func (p *parser) refusePlace(sm specs.Mount, m directfspolicy.Mount) {
	own := m.Destination == "/dev" || m.Destination == "/dev/pts"
	if m.Backend == directfspolicy.NoGofer || !own || hasBindOption(sm.Options) {
		return
	}
	if isOverlay(sm) {
		p.refuse(fmt.Errorf("%w: mount %q: the sandbox makes this directory itself: mount the overlay elsewhere, or below it", directfspolicy.ErrInvalidRequest, m.Destination))
		return
	}
	p.refuse(fmt.Errorf("%w: mount %q: the sandbox makes this directory itself, unless the mount's options have bind or rbind: add one of them, or mount below it",
		directfspolicy.ErrInvalidRequest, m.Destination))
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
