package volumetest

import (
	"context"
	"os"

	"github.com/directfs/runsc/pkg/volume"
)

// handleOf is what the reference's handles are.
type handleOf interface {
	volume.WritableHandle
	volume.Allocator
	volume.FileDonor
}

// faultyHandle is the same for a handle.
type faultyHandle struct {
	handleOf
	id volume.ID

	readAt   func(ctx context.Context, p []byte, off int64) (int, error)
	writeAt  func(ctx context.Context, p []byte, off int64) (int, error)
	sync     func(ctx context.Context) error
	flush    func(ctx context.Context) error
	close    func(ctx context.Context) error
	allocate func(ctx context.Context, off, length int64, keepSize bool) error
	hostFile func() *os.File
}

func (f *faulty) wrap(id volume.ID, handle volume.Handle) *faultyHandle {
	h := handle.(handleOf)
	w := &faultyHandle{
		handleOf: h, id: id,
		readAt: h.ReadAt, writeAt: h.WriteAt, sync: h.Sync, flush: h.Flush, close: h.Close,
		allocate: h.Allocate, hostFile: h.HostFile,
	}
	f.handle(w)
	return w
}

func (f *faulty) Open(ctx context.Context, id volume.ID, how volume.OpenHow) (volume.Handle, error) {
	h, err := f.open(ctx, id, how)
	if _, ok := h.(handleOf); err != nil || !ok {
		return h, err
	}
	return f.wrap(id, h), nil
}

func (f *faulty) Create(ctx context.Context, dir volume.ID, name string, n volume.NewFile, how volume.OpenHow) (volume.Attr, volume.WritableHandle, error) {
	a, h, err := f.create(ctx, dir, name, n, how)
	if err != nil {
		return a, h, err
	}
	return a, f.wrap(a.ID, h), nil
}

func (h *faultyHandle) ReadAt(ctx context.Context, p []byte, off int64) (int, error) {
	return h.readAt(ctx, p, off)
}

func (h *faultyHandle) WriteAt(ctx context.Context, p []byte, off int64) (int, error) {
	return h.writeAt(ctx, p, off)
}

func (h *faultyHandle) Sync(ctx context.Context) error  { return h.sync(ctx) }
func (h *faultyHandle) Flush(ctx context.Context) error { return h.flush(ctx) }
func (h *faultyHandle) Close(ctx context.Context) error { return h.close(ctx) }
func (h *faultyHandle) HostFile() *os.File              { return h.hostFile() }

func (h *faultyHandle) Allocate(ctx context.Context, off, length int64, keepSize bool) error {
	return h.allocate(ctx, off, length, keepSize)
}
