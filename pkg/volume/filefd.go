package volume

import (
	"context"
	"errors"
	"io"
	"math"
	"sync"

	"golang.org/x/sys/unix"
	"gvisor.dev/gvisor/pkg/lisafs"
)

// fileFD is an open regular file. In the sentry all descriptors of a file share
// one or two.
type fileFD struct {
	lisafs.OpenFD
	node   *node
	handle *held

	// lost is the error of a Sync that failed, until another one succeeds or a
	// Flush has told it. The sentry does not pass on the errors of fsync(2)
	// (pkg/sentry/fsimpl/gofer/gofer.go, syncRemoteFileLocked), but those of
	// close(2).
	mu   sync.Mutex
	lost error
}

var _ lisafs.OpenFDImpl = (*fileFD)(nil)

func (fd *controlFD) newFileFD(h *held, flags uint32) *fileFD {
	f := &fileFD{node: fd.node, handle: h}
	fd.m.fds.add(f.FD())
	f.OpenFD.Init(fd.FD(), flags, f)
	return f
}

// FD implements lisafs.OpenFDImpl.
func (fd *fileFD) FD() *lisafs.OpenFD { return &fd.OpenFD }

// Close implements lisafs.OpenFDImpl.
func (fd *fileFD) Close() {
	fd.handle.m.fds.remove(fd.FD())
	fd.handle.drop()
}

// Renamed implements lisafs.OpenFDImpl.
func (fd *fileFD) Renamed() {}

// Stat implements lisafs.OpenFDImpl.
func (fd *fileFD) Stat() (lisafs.Statx, error) { return fd.handle.m.stat(fd.node) }

// transfer is what a read or a write came to.
type transfer struct {
	buffer buffer
	n      int
}

// Read implements lisafs.OpenFDImpl.
func (fd *fileFD) Read(dst []byte, off uint64) (uint64, error) {
	if off > math.MaxInt64-uint64(len(dst)) {
		return 0, unix.EINVAL
	}
	if len(dst) == 0 {
		return 0, nil
	}
	b := fd.handle.m.buffers.get(len(dst))
	t, err := using(fd.handle, "read", func(ctx context.Context) (transfer, error) {
		n, err := fd.handle.handle.ReadAt(ctx, b.p, int64(off))
		return transfer{b, n}, checkRead(n, len(b.p), err)
	})
	if err != nil {
		fd.handle.m.buffers.put(t.buffer)
		return 0, err
	}
	copy(dst, t.buffer.p[:t.n])
	fd.handle.m.buffers.put(t.buffer)
	return uint64(t.n), nil
}

// checkRead keeps io.ReaderAt's contract. Fewer bytes without an error would be
// the end of the file to some, and zeros in a mapping.
func checkRead(n, asked int, err error) error {
	switch {
	case n < 0 || n > asked:
		return broken("ReadAt returned %d of %d bytes", n, asked)
	case errors.Is(err, io.EOF):
		return nil
	case err == nil && n < asked:
		return broken("ReadAt returned %d of %d bytes without an error", n, asked)
	}
	return err
}

// Write implements lisafs.OpenFDImpl. If some was written before an error, it
// returns how much, as write(2) does.
func (fd *fileFD) Write(src []byte, off uint64) (uint64, error) {
	if off > math.MaxInt64-uint64(len(src)) {
		return 0, unix.EFBIG
	}
	if len(src) == 0 {
		return 0, nil
	}
	b := fd.handle.m.buffers.get(len(src))
	copy(b.p, src)
	t, err := using(fd.handle, "write", func(ctx context.Context) (transfer, error) {
		n, err := fd.handle.write.WriteAt(ctx, b.p, int64(off))
		return transfer{b, n}, checkWrite(n, len(b.p), err)
	})
	fd.handle.m.buffers.put(t.buffer)
	if err != nil {
		return 0, err
	}
	return uint64(t.n), nil
}

// checkWrite keeps io.WriterAt's contract.
func checkWrite(n, asked int, err error) error {
	switch {
	case n < 0 || n > asked:
		return broken("WriteAt returned %d of %d bytes", n, asked)
	case err == nil && n < asked:
		return broken("WriteAt returned %d of %d bytes without an error", n, asked)
	case n > 0:
		return nil
	}
	return err
}

// Sync implements lisafs.OpenFDImpl. A handle that cannot write has nothing to
// sync or to flush.
func (fd *fileFD) Sync() error {
	if fd.handle.write == nil {
		return nil
	}
	_, err := using(fd.handle, "sync", func(ctx context.Context) (struct{}, error) {
		return struct{}{}, fd.handle.write.Sync(ctx)
	})
	fd.mu.Lock()
	defer fd.mu.Unlock()
	fd.lost = err
	return err
}

// Flush implements lisafs.OpenFDImpl.
func (fd *fileFD) Flush() error {
	if fd.handle.write == nil {
		return nil
	}
	_, err := using(fd.handle, "flush", func(ctx context.Context) (struct{}, error) {
		return struct{}{}, fd.handle.write.Flush(ctx)
	})
	fd.mu.Lock()
	defer fd.mu.Unlock()
	if err == nil {
		err = fd.lost
	}
	fd.lost = nil
	return err
}

// Allocate implements lisafs.OpenFDImpl. Of the modes of fallocate(2) only those
// that allocate exist.
func (fd *fileFD) Allocate(mode, off, length uint64) error {
	a, ok := fd.handle.handle.(Allocator)
	switch {
	case !ok || mode&^unix.FALLOC_FL_KEEP_SIZE != 0:
		return unix.EOPNOTSUPP
	case length == 0 || off > math.MaxInt64 || length > math.MaxInt64:
		return unix.EINVAL
	case off+length > math.MaxInt64:
		return unix.EFBIG
	}
	_, err := using(fd.handle, "allocate", func(ctx context.Context) (struct{}, error) {
		return struct{}{}, a.Allocate(ctx, int64(off), int64(length), mode != 0)
	})
	return err
}

// Getdent64 implements lisafs.OpenFDImpl. The engine calls it for directories
// only.
func (fd *fileFD) Getdent64(uint32, bool, func(lisafs.Dirent64)) error { return unix.ENOTDIR }
