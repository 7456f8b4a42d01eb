package ociconfig

import (
	"errors"

	"github.com/directfs/runsc/directfspolicy"
	specs "github.com/opencontainers/runtime-spec/specs-go"
)

// ErrOverlayInSource: a hint names a gofer for a mount whose overlay keeps what is
// written in a file in the mount's source, which is only a name then.
var ErrOverlayInSource = errors.New("the overlay over the mount keeps its files in the source, which is only a name for the gofer")

// overlayInSource reports whether an overlay over the mount keeps its files in
// the source. The engine gives one to every bind mount that is shared within the
// sandbox (runsc/container/container.go:1177).
func (d describer) overlayInSource(sm specs.Mount, m directfspolicy.Mount) bool {
	if m.Backend == directfspolicy.NoGofer || !m.Overlay {
		return false
	}
	hint, ok := d.engine[absolute(sm.Source, d.o.Bundle)]
	return d.o.MountOverlayInSource || ok && hint.share != "shared"
}

// refuseOverlay refuses the hints that name a gofer for such a mount.
func (p *parser) refuseOverlay(m directfspolicy.Mount, hints []directfspolicy.Hint) {
	for _, h := range hints {
		p.refuse(&directfspolicy.HintError{
			Key: h.Key, Value: string(h.Setting), Mount: m.Destination, Allowed: []string{string(directfspolicy.Default)},
			Fix: "keep them elsewhere, by --overlay2=all:memory or --overlay2=all:dir=DIR, remove the annotation that shares the mount, or remove the hint",
			Err: ErrOverlayInSource,
		})
	}
}
