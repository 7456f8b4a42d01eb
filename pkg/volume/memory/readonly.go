package memory

import (
	"context"
	"syscall"

	"github.com/directfs/runsc/pkg/volume"
)

// readOnly has the methods that change nothing.
type readOnly struct {
	volume.Volume
	volume.LinkReader
	volume.XattrReader
	volume.UsageReporter
}

// ReadOnly returns the same files as a volume that cannot be written. Closing it
// closes v.
func (v *Volume) ReadOnly() volume.Volume { return readOnly{v, v, v, v} }

// Open refuses to write with syscall.EROFS.
func (r readOnly) Open(ctx context.Context, id volume.ID, how volume.OpenHow) (volume.Handle, error) {
	if how.Write || how.Truncate {
		return nil, syscall.EROFS
	}
	return r.Volume.Open(ctx, id, how)
}
