package verify

import (
	"strconv"

	"github.com/directfs/runsc/directfspolicy"
	"github.com/directfs/runsc/runsc/internal/engine"
	"github.com/directfs/runsc/runsc/internal/isolation"
)

// An overlay that the sentry makes has parts: its layers, and what the first process
// needs to mount it. They are in no place of the container once that has run.

// isPart reports whether the mount is a part of such an overlay.
func (m mount) isPart() bool { return m.decision.Layer != nil }

func (m mount) isReport() bool {
	return m.isPart() && m.decision.Layer.Kind == directfspolicy.ReportFile
}

// isForStart reports whether the mount is of no use after the start: a file that
// the first process has used and closed.
func (m mount) isForStart() bool {
	return m.isReport() || m.isPart() && m.decision.Layer.Kind == directfspolicy.ProgramFile
}

// place is the name of a mount in the gofer's root, unless it is a directory that
// is donated.
func (m mount) place(number int) string {
	if m.isReport() {
		return isolation.ReportName
	}
	return strconv.Itoa(number)
}

// partRows says how the sandbox gets at a part, by what it holds: the container's
// mount table does not have it.
func (r *Report) partRows(mt mount, held heldFiles) {
	if mt.isForStart() {
		r.other(CheckMounts, mt.decision.Mount, "used at the start of the container")
		return
	}
	r.accessByFDs(mt.decision.Mount+" access", mt, "the overlay at "+mt.decision.Layer.Of, held)
}

// sentryOverlayRows expects the overlays that the sentry makes to be in the
// container's mount table, whatever the guest mounted over them.
func (r *Report) sentryOverlayRows(m member, table []engine.SentryMount, err error) {
	for _, d := range m.plan.Decisions() {
		if d.Union == nil || d.Union.Driver != directfspolicy.SentryUnion {
			continue
		}
		const planned = "overlay of the sandbox"
		item := d.Mount + " overlay"
		if err != nil {
			r.unverified(CheckMounts, item, planned, "unknown", err.Error())
			continue
		}
		actual, resolved := "no such mount", m.resolved(d.Mount)
		for _, l := range table {
			switch {
			case l.Destination != d.Mount && l.Destination != resolved, actual == planned:
			case l.Type == "overlay":
				actual = planned
			default:
				actual = l.Type
			}
		}
		r.compare(CheckMounts, item, planned, actual)
	}
}
