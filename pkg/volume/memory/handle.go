package memory

import (
	"context"
	"io"
	"io/fs"
	"math"
	"os"
	"syscall"

	"github.com/directfs/runsc/pkg/volume"
)

// handle is an open regular file. It may only do what how says: syscall.EBADF.
type handle struct {
	v      *Volume
	n      *node
	how    volume.OpenHow
	closed bool // guarded by v.mu
}

var (
	_ volume.WritableHandle = (*handle)(nil)
	_ volume.Allocator      = (*handle)(nil)
	_ volume.FileDonor      = (*handle)(nil)
)

// Open implements [volume.Volume]. A directory is syscall.EISDIR and a symbolic
// link syscall.ELOOP, as in open(2) with O_NOFOLLOW.
func (v *Volume) Open(ctx context.Context, id volume.ID, how volume.OpenHow) (volume.Handle, error) {
	var h *handle
	err := v.change(ctx, func() error {
		n, err := v.node(id)
		switch {
		case err != nil:
			return err
		case n.isDir():
			return syscall.EISDIR
		case n.content == nil:
			return syscall.ELOOP
		}
		if how.Truncate {
			if err := v.truncate(n, 0); err != nil {
				return err
			}
		}
		h = v.open(n, how)
		return nil
	})
	if err != nil {
		return nil, err
	}
	return h, nil
}

func (v *Volume) open(n *node, how volume.OpenHow) *handle {
	n.open++
	return &handle{v: v, n: n, how: how}
}

// usable says whether the handle is open, and for what is to be done.
func (h *handle) usable(allowed bool) error {
	switch {
	case h.closed:
		return fs.ErrClosed
	case !allowed:
		return syscall.EBADF
	}
	return nil
}

// ReadAt implements [volume.Handle].
func (h *handle) ReadAt(ctx context.Context, p []byte, off int64) (n int, err error) {
	err = h.v.look(ctx, func() error {
		if err := h.usable(h.how.Read); err != nil {
			return err
		}
		if off < 0 {
			return syscall.EINVAL
		}
		n = int(min(int64(len(p)), max(0, h.n.attr.Size-off)))
		if n > 0 {
			if err := h.n.content.readAt(p[:n], off); err != nil {
				n = 0
				return err
			}
		}
		if n < len(p) {
			return io.EOF
		}
		return nil
	})
	return n, err
}

// WriteAt implements [volume.WritableHandle]. What does not fit is not written
// at all.
func (h *handle) WriteAt(ctx context.Context, p []byte, off int64) (n int, err error) {
	err = h.v.change(ctx, func() error {
		if err := h.usable(h.how.Write); err != nil {
			return err
		}
		end, err := rangeEnd(off, int64(len(p)))
		if err != nil || len(p) == 0 {
			return err
		}
		if err := h.v.extend(h.n, end); err != nil {
			return err
		}
		if err := h.n.content.writeAt(p, off); err != nil {
			return err
		}
		h.n.modified()
		n = len(p)
		return nil
	})
	return n, err
}

// extend makes a file at least size bytes long.
func (v *Volume) extend(n *node, size int64) error {
	if size <= n.attr.Size {
		return nil
	}
	return v.resize(n, size, n.reserved)
}

func rangeEnd(off, length int64) (int64, error) {
	switch {
	case off < 0 || length < 0:
		return 0, syscall.EINVAL
	case off > math.MaxInt64-length:
		return 0, syscall.EFBIG
	}
	return off + length, nil
}

// Allocate implements [volume.Allocator]. Everything before the range is
// reserved as well, since holes count.
func (h *handle) Allocate(ctx context.Context, off, length int64, keepSize bool) error {
	return h.v.change(ctx, func() error {
		if err := h.usable(h.how.Write); err != nil {
			return err
		}
		end, err := rangeEnd(off, length)
		if err != nil {
			return err
		}
		if length == 0 {
			return syscall.EINVAL
		}
		size := h.n.attr.Size
		if !keepSize {
			size = max(size, end)
		}
		return h.v.resize(h.n, size, max(h.n.reserved, end))
	})
}

// Sync implements [volume.WritableHandle]. There is nothing that memory could
// survive.
func (h *handle) Sync(ctx context.Context) error {
	return h.v.look(ctx, func() error { return h.usable(true) })
}

// Flush implements [volume.WritableHandle].
func (h *handle) Flush(ctx context.Context) error { return h.Sync(ctx) }

// HostFile implements [volume.FileDonor]. All handles of a file share what they
// return.
func (h *handle) HostFile() *os.File {
	if !h.how.Read {
		return nil
	}
	return h.n.content.hostFile()
}

// Close implements [volume.Handle]. It works whatever the context says, so that
// a removed file is freed.
func (h *handle) Close(context.Context) error {
	h.v.mu.Lock()
	defer h.v.mu.Unlock()
	if h.closed {
		return fs.ErrClosed
	}
	h.closed = true
	h.n.open--
	h.v.forget(h.n)
	return nil
}
