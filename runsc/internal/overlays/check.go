package overlays

import (
	"errors"
	"fmt"

	"github.com/directfs/runsc/directfspolicy"
	"github.com/directfs/runsc/pkg/overlaymount"
)

// ErrInUse: somebody has an upper or work directory already.
var ErrInUse = errors.New("in use")

// Check refuses a plan in which two overlays have one upper or work directory. It
// looks at the plan alone, so that whoever asks beforehand is told.
func Check(plan directfspolicy.Plan) error {
	var all []error
	taken := taken{}
	for _, d := range plan.Decisions() {
		for _, s := range d.Locks() {
			if err := taken.by(d, s); err != nil {
				all = append(all, inMount(d, err))
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
		return inUse(s, fmt.Sprintf("mount %q of this container", by))
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

// inMount says of which mount, as a user knows it, each of the errors is.
func inMount(d directfspolicy.Decision, err error) error {
	var all []error
	for _, f := range directfspolicy.Findings(err) {
		all = append(all, fmt.Errorf("mount %q: %w", overlayOf(d), f))
	}
	return errors.Join(all...)
}

// inUse says who has a directory, in the words of overlaymount.Check. It wraps
// ErrInUse.
func inUse(s directfspolicy.Source, by string) error {
	option := overlaymount.Upper // of the sentry's as well
	if s.Layer == directfspolicy.WorkLayer {
		option = overlaymount.Work
	}
	return &inUseError{overlaymount.Finding{
		Code: overlaymount.CodeInUse, Option: string(option), Path: s.Path, Problem: "is in use by " + by, Fix: "use a directory of its own",
	}}
}

type inUseError struct{ overlaymount.Finding }

func (*inUseError) Unwrap() error { return ErrInUse }
