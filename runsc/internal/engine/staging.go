package engine

import (
	"path"
	"strings"

	"github.com/directfs/runsc/directfspolicy"
	"github.com/directfs/runsc/runsc/internal/firstprocess"
	specs "github.com/opencontainers/runtime-spec/specs-go"
)

// Stage says where a mount is until the first process has mounted the overlay that
// it is for: below that, under a name that package firstprocess knows.
type Stage struct {
	// Of is the destination of the overlay, as the plan has it. It is empty for a
	// mount that is at its own destination from the beginning.
	Of   string
	Name string
}

// Staged reports whether the mount is not at its own destination.
func (s Stage) Staged() bool { return s.Of != "" }

// Stages returns the stage of each of the mounts that LowerOverlays has made: the
// parts of an overlay of the sentry, and what the spec mounts below one, are below
// the overlay's destination and must not be hidden by it.
func Stages(mounts []specs.Mount, p directfspolicy.Plan) []Stage {
	stages := make([]Stage, len(mounts))
	overlays := sentryOverlays(p)
	if len(overlays) == 0 {
		return stages
	}
	parts := map[string]Stage{}
	lowers := map[string]int{}
	for _, d := range p.Decisions() {
		if l := d.Layer; l != nil {
			parts[d.Mount] = Stage{l.Of, partName(l.Kind, lowers[l.Of])}
			if l.Kind == directfspolicy.LowerLayer {
				lowers[l.Of]++
			}
		}
	}
	nested := map[string]int{}
	for i, m := range mounts {
		place := path.Clean(m.Destination)
		if s, ok := parts[place]; ok {
			stages[i] = s
			continue
		}
		if of := innermost(overlays, place); of != "" {
			stages[i] = Stage{of, firstprocess.NestedName(nested[of])}
			nested[of]++
		}
	}
	return stages
}

func partName(k directfspolicy.LayerKind, lower int) string {
	switch k {
	case directfspolicy.UpperLayer:
		return firstprocess.UpperName
	case directfspolicy.ProgramFile:
		return firstprocess.ProgramName
	case directfspolicy.ReportFile:
		return firstprocess.ReportName
	}
	return firstprocess.LowerName(lower)
}

// sentryOverlays are the destinations of the overlays that the sentry makes.
func sentryOverlays(p directfspolicy.Plan) (all []string) {
	for _, d := range p.Decisions() {
		if isSentryOverlay(d) {
			all = append(all, d.Mount)
		}
	}
	return all
}

func isSentryOverlay(d directfspolicy.Decision) bool {
	return d.Union != nil && d.Union.Driver == directfspolicy.SentryUnion
}

// innermost returns the overlay in which a place is, or none. Of several it is the
// one whose destination is the deepest.
func innermost(overlays []string, place string) (of string) {
	for _, o := range overlays {
		if strings.HasPrefix(place, strings.TrimSuffix(o, "/")+"/") && len(o) > len(of) {
			of = o
		}
	}
	return of
}

// FirstLayer is the stage of the uppermost lower layer of an overlay. It is that of
// the mount behind the one that is at the overlay's destination.
func FirstLayer(of string) Stage { return Stage{of, firstprocess.LowerName(0)} }
