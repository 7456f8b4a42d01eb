package archive

import (
	"archive/zip"
	"context"
	"hash/crc32"
	"io"
	"os"

	"github.com/directfs/runsc/pkg/volume"
)

// inflate writes the content of an entry, if it is what the archive says.
func inflate(f *zip.File, w io.Writer) error {
	r, err := f.Open()
	if err != nil {
		return cannotRead(f.Name, err)
	}
	defer r.Close()
	sum := crc32.NewIEEE()
	n, err := io.Copy(io.MultiWriter(w, sum), io.LimitReader(r, int64(f.UncompressedSize64)+1))
	if err != nil {
		return cannotRead(f.Name, err)
	}
	if uint64(n) != f.UncompressedSize64 || sum.Sum32() != f.CRC32 {
		return refuse(f.Name, ErrCorrupt, "its content is not what the archive says")
	}
	return nil
}

// member is a deflated file of a zip.
type member struct {
	file  *zip.File
	cache *cache
	turn  chan struct{} // holds one value while somebody unpacks

	unpacked *unpacked // the cache's
}

func newMember(f *zip.File, c *cache) *member {
	return &member{file: f, cache: c, turn: make(chan struct{}, 1)}
}

// open returns a handle of the unpacked content. Only one caller unpacks it.
func (m *member) open(ctx context.Context) (volume.Handle, error) {
	select {
	case m.turn <- struct{}{}:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	defer func() { <-m.turn }()
	if u := m.cache.use(m); u != nil {
		return &memberHandle{u, m.cache}, nil
	}
	u, err := m.cache.reserve(int64(m.file.UncompressedSize64))
	if err != nil {
		return nil, err
	}
	file, err := m.cache.store.write(func(w io.Writer) error { return inflate(m.file, untilDone{ctx, w}) })
	if err != nil {
		m.cache.cancel(u)
		return nil, err
	}
	m.cache.fill(m, u, file)
	return &memberHandle{u, m.cache}, nil
}

// untilDone is a writer that fails when its context is done.
type untilDone struct {
	ctx context.Context
	w   io.Writer
}

func (u untilDone) Write(p []byte) (int, error) {
	if err := u.ctx.Err(); err != nil {
		return 0, err
	}
	return u.w.Write(p)
}

// memberHandle keeps what was unpacked from being dropped.
type memberHandle struct {
	u     *unpacked
	cache *cache
}

var _ volume.FileDonor = (*memberHandle)(nil)

func (h *memberHandle) ReadAt(_ context.Context, p []byte, off int64) (int, error) {
	return h.u.file.ReadAt(p, off)
}

func (h *memberHandle) HostFile() *os.File { return h.cache.donate(h.u) }

func (h *memberHandle) Close(context.Context) error {
	h.cache.release(h.u)
	return nil
}
