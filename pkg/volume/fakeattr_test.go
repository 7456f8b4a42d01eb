package volume

import (
	"context"
	"maps"
	"slices"
	"syscall"
)

func (v *fake) GetXattr(ctx context.Context, id ID, name string) ([]byte, error) {
	if err := v.enter(ctx, "getxattr", id); err != nil {
		return nil, err
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	value, ok := v.files[id].xattrs[name]
	if !ok {
		return nil, syscall.ENODATA
	}
	return value, nil
}

func (v *fake) ListXattr(ctx context.Context, id ID) ([]string, error) {
	if err := v.enter(ctx, "listxattr", id); err != nil {
		return nil, err
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	return slices.Sorted(maps.Keys(v.files[id].xattrs)), nil
}

func (v *fake) SetXattr(ctx context.Context, id ID, name string, value []byte, create, replace bool) error {
	if err := v.enter(ctx, "setxattr", id); err != nil {
		return err
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	_, ok := v.files[id].xattrs[name]
	switch {
	case create && ok:
		return syscall.EEXIST
	case replace && !ok:
		return syscall.ENODATA
	}
	v.files[id].xattrs[name] = value
	return nil
}

func (v *fake) RemoveXattr(ctx context.Context, id ID, name string) error {
	if err := v.enter(ctx, "removexattr", id); err != nil {
		return err
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	if _, ok := v.files[id].xattrs[name]; !ok {
		return syscall.ENODATA
	}
	delete(v.files[id].xattrs, name)
	return nil
}

// allocHandle is a handle that can allocate.
type allocHandle struct{ *fakeHandle }

func (h allocHandle) Allocate(ctx context.Context, off, length int64, keepSize bool) error {
	if err := h.v.enter(ctx, "allocate", h.f.attr.ID); err != nil {
		return err
	}
	if keepSize {
		return nil
	}
	h.v.mu.Lock()
	defer h.v.mu.Unlock()
	h.f.attr.Size = max(h.f.attr.Size, off+length)
	return nil
}

// Volumes that can do less.
type (
	onlyVolume   struct{ Volume }
	onlyWritable struct{ Writable }
)

var (
	_ Symlinker     = (*fake)(nil)
	_ Linker        = (*fake)(nil)
	_ XattrWriter   = (*fake)(nil)
	_ UsageReporter = (*fake)(nil)
	_ Writable      = (*fake)(nil)
)
