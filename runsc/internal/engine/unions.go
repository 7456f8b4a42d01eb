package engine

import (
	"fmt"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/directfs/runsc/directfspolicy"
	"github.com/directfs/runsc/pkg/ociconfig"
	specs "github.com/opencontainers/runtime-spec/specs-go"
)

// The engine's words for a mount that a gofer serves (runsc/specutils/specutils.go:544)
// and for one in the sandbox's memory.
const (
	bindType  = "bind"
	tmpfsType = "tmpfs"
)

// LowerOverlays makes the overlays among a spec's mounts what the engine knows: it
// ignores the type (runsc/boot/vfs.go:1173). One that the host makes becomes a mount
// that a gofer serves. One that the sentry makes becomes a directory in memory,
// which the first process covers with the overlay, and a mount for each thing that
// takes. The source of an overlay opens nothing. Every process of this runtime that
// reads the spec does this first.
func LowerOverlays(mounts []specs.Mount, p directfspolicy.Plan) []specs.Mount {
	if !slices.ContainsFunc(mounts, ociconfig.IsOverlay) {
		return mounts
	}
	left := p.Decisions()
	var out []specs.Mount
	for _, m := range mounts {
		if !ociconfig.IsOverlay(m) {
			out = append(out, m)
			continue
		}
		var parts []directfspolicy.Decision
		left, parts = partsOf(path.Clean(m.Destination), left)
		out = append(out, lowerOverlay(m, parts)...)
	}
	return out
}

// partsOf finds the next overlay at a destination among the decisions. It returns
// what follows it, and the parts of it, if the sentry makes it.
func partsOf(destination string, all []directfspolicy.Decision) (left, parts []directfspolicy.Decision) {
	i := slices.IndexFunc(all, func(d directfspolicy.Decision) bool { return d.Mount == destination && d.Union != nil })
	if i < 0 {
		return all, nil
	}
	all = all[i+1:]
	n := 0
	for n < len(all) && all[n].Layer != nil && all[n].Layer.Of == destination {
		n++
	}
	return all[n:], all[:n]
}

func lowerOverlay(m specs.Mount, parts []directfspolicy.Decision) []specs.Mount {
	if len(parts) == 0 {
		m.Options, m.Source = ociconfig.EngineOptions(m), ociconfig.EngineSource(m)
		m.Type = bindType
		return []specs.Mount{m}
	}
	// The first process works in the directory, which must not be read-only.
	attributes := slices.DeleteFunc(ociconfig.EngineOptions(m), func(o string) bool { return o == "ro" })
	// It has no source, by which an annotation would share it with other containers.
	out := []specs.Mount{{Destination: m.Destination, Type: tmpfsType, Options: attributes}}
	for _, d := range parts {
		part := specs.Mount{Destination: d.Mount, Type: bindType, Source: d.Sources[0].Path, Options: []string{"bind"}}
		if k := d.Layer.Kind; k == directfspolicy.LowerLayer || k == directfspolicy.ProgramFile {
			part.Options = append(part.Options, "ro")
		}
		out = append(out, part)
	}
	return out
}

// NameOverlays gives overlays the sources that the user wrote. The engine's reader
// takes them for paths, and has put the bundle before them
// (runsc/specutils/specutils.go:267). The bundle is the working directory if it is
// "".
func NameOverlays(spec *specs.Spec, bundle string) error {
	bundle, err := filepath.Abs(bundle)
	if err != nil {
		return fmt.Errorf("finding the bundle: %w", err)
	}
	for i := range spec.Mounts {
		m := &spec.Mounts[i]
		if name, ok := strings.CutPrefix(m.Source, strings.TrimSuffix(bundle, "/")+"/"); ok && ociconfig.IsOverlay(*m) {
			m.Source = name
		}
	}
	return nil
}

// ownProgram is this program's path, or empty: then the sandbox makes no overlay.
func ownProgram() string {
	name, err := os.Executable()
	if err != nil {
		return ""
	}
	return name
}
