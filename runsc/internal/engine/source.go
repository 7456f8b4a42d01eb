package engine

import (
	"errors"
	"fmt"

	"github.com/directfs/runsc/directfspolicy"
)

// ErrSourceChanged: a mount's source is no longer the file that the decision was
// made for.
var ErrSourceChanged = errors.New("the source was replaced by another file while the container was created")

// errVolumeSource: something opened the source of a mount that a volume serves.
var errVolumeSource = errors.New("the source is only a name, because a volume serves the mount; nothing there may be served")

// CheckSource fails with ErrSourceChanged where the file with the device and
// the inode (stat(2)) is not the one that the mount's decision was made for.
// Nothing can be said of a source of which the decision knows neither. It fails
// for a mount that a volume serves, whatever is at its source.
func CheckSource(d directfspolicy.Decision, device, inode uint64) error {
	if d.ServedByVolume() {
		return fmt.Errorf("mount %q, gofer %v: %w", d.Mount, d.Gofer, errVolumeSource)
	}
	if len(d.Sources) == 0 || d.Sources[0].Inode == 0 {
		return nil
	}
	if s := d.Sources[0]; s.Device != device || s.Inode != inode {
		return fmt.Errorf("%w: %q is inode %d of device %d, and was %d of %d; create the container again", ErrSourceChanged, s.Path, inode, device, s.Inode, s.Device)
	}
	return nil
}
