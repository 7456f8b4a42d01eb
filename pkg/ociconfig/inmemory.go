package ociconfig

import (
	"fmt"

	"github.com/directfs/runsc/directfspolicy"
)

// local returns the hint of the engine by which a mount of the source is kept in the
// sandbox, where containers may share it: in memory, or by an overlay over it
// (runsc/boot/mount_hints.go, IsSandboxLocal). The engine looks for it by the source
// alone, whatever the type of the mount is.
func (d describer) local(source string) (h engineHint, ok bool) {
	for _, s := range []string{source, absolute(source, d.o.Bundle)} {
		if h, ok = d.engine[s]; ok && h.share != "shared" {
			return h, true
		}
	}
	return engineHint{}, false
}

// notLocal refuses such a hint for what an overlay is made of: the engine would mount
// something else in the place of a layer, or of an overlay that has this name.
func (d describer) notLocal(what, source string) error {
	h, ok := d.local(source)
	if !ok {
		return nil
	}
	return fmt.Errorf("%w: annotation %s=%q keeps mounts of %q in the sandbox, and %s: write shared, or remove the annotation",
		directfspolicy.ErrInvalidRequest, MountKey(h.name, "share"), h.share, source, what)
}

// refuseSharedMemory refuses, beside an overlay that the sandbox makes, memory of the
// engine's that other containers have too, and that a mount of another type than bind
// asks for: in it they could exchange the overlay's place, and of such mounts the gofer
// looks at bind mounts alone.
func (d describer) refuseSharedMemory(p *parser) {
	for _, sm := range d.spec.Mounts {
		if isBind(sm) || isOverlay(sm) || sm.Source == "" {
			continue
		}
		if h, ok := d.local(sm.Source); ok {
			p.refuse(fmt.Errorf("%w: mount %q: annotation %s=%q shares it with other containers, and the sandbox makes an overlay in this one: write type bind, or let the host's driver make the overlay",
				directfspolicy.ErrInvalidRequest, sm.Destination, MountKey(h.name, "share"), h.share))
		}
	}
}
