package verify

import (
	"slices"
	"strings"

	"github.com/directfs/runsc/directfspolicy"
	"github.com/directfs/runsc/runsc/internal/engine"
	"github.com/directfs/runsc/runsc/internal/isolation"
)

// This file looks at overlays that the sentry makes. Their layers are mounts that the
// container's first process puts into the overlay, and unmounts from where they were:
// no mount table has them any more.

// isPart reports whether the mount is for an overlay of the sentry's.
func (m mount) isPart() bool { return m.decision.Layer != nil }

// isPassing reports whether nobody has the mount any more when the first process is
// the container's: its program, and its report.
func (m mount) isPassing() bool {
	return m.isPart() && m.decision.Layer.Kind != directfspolicy.LowerLayer && m.decision.Layer.Kind != directfspolicy.UpperLayer
}

func (m mount) isReport() bool {
	return m.isPart() && m.decision.Layer.Kind == directfspolicy.ReportFile
}

// place is the name of the mount in the gofer's root, if it is there.
func (m mount) place(number int) string {
	if m.isReport() {
		return isolation.ReportName
	}
	return itoa(number)
}

// sentryOverlayRows expects an overlay in the sentry's mount table where the plan has
// one of the sentry's. What the guest mounts over it hides it and leaves it there.
func (r *Report) sentryOverlayRows(m member, table []engine.SentryMount, err error) {
	for _, d := range m.plan.Decisions() {
		if d.Union == nil || d.Union.Driver != directfspolicy.SentryUnion {
			continue
		}
		const overlay = "overlay"
		item := d.Mount + " " + overlay
		if err != nil {
			r.unverified(CheckMounts, item, overlay, "unknown", err.Error())
			continue
		}
		resolved := m.resolved(d.Mount)
		var there []string
		for _, l := range table {
			if l.Destination == d.Mount || l.Destination == resolved {
				there = append(there, l.Type)
			}
		}
		actual := "no such mount"
		if slices.Contains(there, overlay) {
			actual = overlay
		} else if len(there) > 0 {
			actual = strings.Join(there, ", ")
		}
		r.compare(CheckMounts, item, overlay, actual)
	}
}

// partRow tells by what the sandbox holds how the sentry gets at a layer.
func (r *Report) partRow(mt mount, held heldFiles) {
	if mt.isPassing() {
		return
	}
	r.accessByFDs(mt.decision.Mount+" access", mt, "overlay", held)
	r.note(CheckMounts, mt.decision.Mount+" cache", mt.decision.Cache.String(), "not shown", "the sentry shows no options of an overlay's layers")
}
