package memory

import (
	"context"
	"syscall"

	"github.com/directfs/runsc/pkg/volume"
)

// charge counts what is about to be added, or gives back what was removed, or
// changes nothing and returns syscall.ENOSPC.
func (v *Volume) charge(bytes, files int64) error {
	if bytes > v.options.MaxBytes-v.bytes || files > v.options.MaxFiles-v.files {
		return syscall.ENOSPC
	}
	v.bytes += bytes
	v.files += files
	return nil
}

// release gives back what charge counted.
func (v *Volume) release(bytes, files int64) {
	v.bytes -= bytes
	v.files -= files
}

// chargeContent counts a regular file as if it were size bytes long and had
// that much reserved.
func (v *Volume) chargeContent(n *node, size, reserved int64) error {
	want := max(size, reserved)
	if err := v.charge(want-n.charged, 0); err != nil {
		return err
	}
	n.charged = want
	return nil
}

// Usage returns the bounds and what is left of them.
func (v *Volume) Usage(ctx context.Context) (u volume.Usage, err error) {
	err = v.look(ctx, func() error {
		u = volume.Usage{
			Bytes:     uint64(v.options.MaxBytes),
			FreeBytes: uint64(v.options.MaxBytes - v.bytes),
			Files:     uint64(v.options.MaxFiles),
			FreeFiles: uint64(v.options.MaxFiles - v.files),
		}
		return nil
	})
	return u, err
}
