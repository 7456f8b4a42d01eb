package engine

import (
	"slices"

	"github.com/directfs/runsc/pkg/ociconfig"
	specs "github.com/opencontainers/runtime-spec/specs-go"
)

// bindType is the engine's word for a mount that a gofer serves
// (runsc/specutils/specutils.go:544).
const bindType = "bind"

// LowerOverlays makes the overlays among a spec's mounts what the engine serves by
// a gofer: it ignores the type (runsc/boot/vfs.go:1173). The source, which for an
// overlay is only a name, opens nothing. Every process of this runtime that reads
// the spec does this first.
func LowerOverlays(mounts []specs.Mount) []specs.Mount {
	if !slices.ContainsFunc(mounts, ociconfig.IsOverlay) {
		return mounts
	}
	out := slices.Clone(mounts)
	for i := range out {
		m := &out[i]
		if !ociconfig.IsOverlay(*m) {
			continue
		}
		m.Options = ociconfig.EngineOptions(*m)
		m.Type = bindType
		if m.Source == "" {
			m.Source = "overlay"
		}
	}
	return out
}
