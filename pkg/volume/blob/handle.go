package blob

import (
	"context"
	"errors"
	"io"
	"os"
	"sync"
	"syscall"

	"github.com/directfs/runsc/pkg/volume"
)

// handle is an open file. It implements volume.WritableHandle, for who opened it
// for writing, and volume.FileDonor.
type handle struct {
	in  *inode
	how volume.OpenHow
	seq sequence

	mu   sync.Mutex
	host *os.File
}

// ReadAt implements volume.Handle.
func (h *handle) ReadAt(ctx context.Context, p []byte, off int64) (int, error) {
	if off < 0 {
		return 0, syscall.EINVAL
	}
	in := h.in
	in.mu.RLock()
	if in.file != nil {
		defer in.mu.RUnlock()
		return in.file.ReadAt(p, off)
	}
	size, base := in.size, in.base
	in.mu.RUnlock()
	if off >= size {
		return 0, io.EOF
	}
	n := int(min(int64(len(p)), size-off))
	got, err := in.v.ranges.read(ctx, h, base, p[:n], off)
	switch {
	case err != nil && in.localNow():
		return h.ReadAt(ctx, p, off) // it was staged meanwhile
	case errors.Is(err, syscall.ESTALE) || isNotFound(err):
		in.v.retire(in, in.keyNow(), in.state())
		return got, &StoreError{RequestRead, in.keyNow(), syscall.ESTALE, err}
	case err == nil && n < len(p):
		err = io.EOF
	}
	return got, err
}

// localNow reports whether the content is in a file of the host.
func (in *inode) localNow() bool {
	in.mu.RLock()
	defer in.mu.RUnlock()
	return in.file != nil
}

// WriteAt implements volume.WritableHandle.
func (h *handle) WriteAt(ctx context.Context, p []byte, off int64) (int, error) {
	if !h.how.Write {
		return 0, syscall.EBADF
	}
	return h.in.write(ctx, p, off)
}

// Sync implements volume.WritableHandle: after nil, the object is in the store.
func (h *handle) Sync(ctx context.Context) error { return h.in.sync(ctx) }

// Flush implements volume.WritableHandle. It is the same as Sync, and does nothing
// where nothing was changed.
func (h *handle) Flush(ctx context.Context) error { return h.in.sync(ctx) }

// HostFile implements volume.FileDonor. The file is the one that is written, too.
func (h *handle) HostFile() *os.File {
	h.in.mu.RLock()
	defer h.in.mu.RUnlock()
	if h.in.file == nil {
		return nil
	}
	f, err := h.in.file.Host()
	if err != nil {
		return nil // out of descriptors: it can be read with calls
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.host != nil {
		h.host.Close()
	}
	h.host = f
	return f
}

// PrivateHostFile implements volume.PrivateFileDonor: the cache is this process's.
func (h *handle) PrivateHostFile() {}

// Close implements volume.Handle.
func (h *handle) Close(ctx context.Context) error {
	h.mu.Lock()
	if h.host != nil {
		h.host.Close()
		h.host = nil
	}
	h.mu.Unlock()
	if h.how.Write {
		h.in.v.mu.Lock()
		h.in.writers--
		h.in.v.mu.Unlock()
	}
	return h.in.release(ctx)
}

// Close implements volume.Volume: it uploads what is staged, and leaves what it
// cannot for Recover.
func (v *tree) Close(ctx context.Context) error {
	v.mu.Lock()
	var all []*inode
	for _, in := range v.inodes {
		all = append(all, in)
	}
	v.mu.Unlock()
	var errs []error
	for _, in := range all {
		if err := in.sync(ctx); err != nil {
			errs = append(errs, err)
		}
	}
	v.cancel()
	v.tasks.Wait()
	for _, in := range all {
		in.leave()
	}
	return errors.Join(append(errs, v.disk.Close())...)
}

// leave ends the use of a file when the volume is closed.
func (in *inode) leave() {
	in.mu.Lock()
	defer in.mu.Unlock()
	switch {
	case in.file == nil:
	case in.dirty && !in.removed:
		in.file.Keep()
	default:
		in.file.Release()
	}
	in.file = nil
}
