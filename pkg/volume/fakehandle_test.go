package volume

import (
	"context"
	"io"
)

// fakeHandle is an open file of a fake.
type fakeHandle struct {
	v *fake
	f *fakeFile
}

func (h *fakeHandle) ReadAt(ctx context.Context, p []byte, off int64) (int, error) {
	if err := h.v.enter(ctx, "readat", h.f.attr.ID); err != nil {
		return 0, err
	}
	h.v.mu.Lock()
	defer h.v.mu.Unlock()
	if off >= int64(len(h.f.content)) {
		return 0, io.EOF
	}
	n := copy(p, h.f.content[off:])
	if n < len(p) {
		return n, io.EOF
	}
	return n, nil
}

func (h *fakeHandle) WriteAt(ctx context.Context, p []byte, off int64) (int, error) {
	if err := h.v.enter(ctx, "writeat", h.f.attr.ID); err != nil {
		return 0, err
	}
	h.v.mu.Lock()
	defer h.v.mu.Unlock()
	if end := int(off) + len(p); end > len(h.f.content) {
		h.f.content = append(h.f.content, make([]byte, end-len(h.f.content))...)
		h.f.attr.Size = int64(end)
	}
	return copy(h.f.content[off:], p), nil
}

func (h *fakeHandle) Sync(ctx context.Context) error  { return h.v.enter(ctx, "sync", h.f.attr.ID) }
func (h *fakeHandle) Flush(ctx context.Context) error { return h.v.enter(ctx, "flush", h.f.attr.ID) }

func (h *fakeHandle) Close(ctx context.Context) error {
	h.v.mu.Lock()
	h.v.opens--
	h.v.mu.Unlock()
	return h.v.enter(ctx, "close", h.f.attr.ID)
}
