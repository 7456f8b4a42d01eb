package engine

import (
	"errors"
	"fmt"
	"slices"

	"github.com/directfs/runsc/directfspolicy"
)

// ErrUnknownSource: a mount's source cannot be looked at, and a hint may be for
// it.
var ErrUnknownSource = errors.New("the source is not there, or cannot be looked at, so it is unknown whether a hint is for it")

// CheckKnown refuses mounts of whose source nothing but the path is known, where
// that matters: the mount would use directfs beside a hint that turns it off for
// some source, or with an exclusive cache by a hint. Whoever makes the source
// later would choose which files the decision is for. What uses LisaFS may be a
// virtual gofer's, whose sources are no paths of the host. Nor are those of a
// volume, whatever it uses: hints for the host's files are not for it.
func CheckKnown(plan directfspolicy.Plan) error {
	decisions := plan.Decisions()
	off := slices.ContainsFunc(plan.Unmatched(), func(h directfspolicy.Hint) bool { return h.Setting == directfspolicy.Off }) ||
		slices.ContainsFunc(decisions, func(d directfspolicy.Decision) bool {
			h, _ := d.WhyAccess.Hint()
			return h.Setting == directfspolicy.Off
		})
	var errs []error
	for i, d := range decisions {
		if i == 0 {
			continue // no source hint counts for the rootfs
		}
		if d.ServedByVolume() || len(d.Sources) == 0 || d.Sources[0].Inode != 0 || d.Layer != nil && d.Layer.Kind == directfspolicy.ReportFile {
			continue
		}
		h, _ := d.WhyCache.Hint()
		if d.Access == directfspolicy.DirectFS && (off || h.Setting == directfspolicy.Exclusive) {
			errs = append(errs, fmt.Errorf("mount %q: %q: %w; make the source before the container is created", d.Mount, d.Sources[0].Path, ErrUnknownSource))
		}
	}
	return errors.Join(errs...)
}
