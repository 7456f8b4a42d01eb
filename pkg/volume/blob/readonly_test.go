package blob

import (
	"context"
	"errors"

	"github.com/directfs/runsc/pkg/volume"
)

// readOnlyKit lets a test call what is not there.
type readOnlyKit struct{ volume.Volume }

func (readOnlyKit) Create(context.Context, volume.ID, string, volume.NewFile, volume.OpenHow) (a volume.Attr, h volume.WritableHandle, err error) {
	return a, h, errors.ErrUnsupported
}

func (readOnlyKit) Mkdir(context.Context, volume.ID, string, volume.NewFile) (a volume.Attr, err error) {
	return a, errors.ErrUnsupported
}

func (readOnlyKit) Remove(context.Context, volume.ID, string, bool) error {
	return errors.ErrUnsupported
}

func (readOnlyKit) Rename(context.Context, volume.ID, string, volume.ID, string, bool) error {
	return errors.ErrUnsupported
}

func (readOnlyKit) SetAttr(context.Context, volume.ID, volume.Change) error {
	return errors.ErrUnsupported
}
