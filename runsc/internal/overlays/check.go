package overlays

import (
	"errors"
	"fmt"

	"github.com/directfs/runsc/directfspolicy"
)

// Check refuses a plan in which two overlays have one upper or work directory. It
// looks at the plan alone, so that whoever asks beforehand is told.
func Check(plan directfspolicy.Plan) error {
	var all []error
	taken := taken{}
	for _, d := range plan.Decisions() {
		for _, s := range d.Locks() {
			if err := taken.by(d, s); err != nil {
				all = append(all, fmt.Errorf("mount %q: %w", overlayOf(d), err))
				break
			}
		}
	}
	return errors.Join(all...)
}

// taken says which overlay of the plan has a directory.
type taken map[inode]string

type inode struct{ device, number uint64 }

// by notes that a decision has a directory, or fails with ErrInUse.
func (t taken) by(d directfspolicy.Decision, s directfspolicy.Source) error {
	at := inode{s.Device, s.Inode}
	if by := t[at]; by != "" && s.Inode != 0 {
		return fmt.Errorf("%v layer %q: %w by mount %q of this container: use another directory", kindOf(d, s), s.Path, ErrInUse, by)
	}
	t[at] = overlayOf(d)
	return nil
}

// overlayOf is the destination of the overlay that a decision is about: its own, or
// that of the overlay whose layer it is.
func overlayOf(d directfspolicy.Decision) string {
	if d.Layer != nil {
		return d.Layer.Of
	}
	return d.Mount
}

func kindOf(d directfspolicy.Decision, s directfspolicy.Source) directfspolicy.LayerKind {
	if d.Layer != nil {
		return d.Layer.Kind
	}
	return s.Layer
}
