package disk

import (
	"errors"
	"os"

	"golang.org/x/sys/unix"
)

// Filling is a file that is being written into the cache. Room is kept for size
// bytes of it, of which so many are written.
type Filling struct {
	d       *Dir
	f       *File
	written int64
}

// Fill begins a cached file.
func (d *Dir) Fill() (*Filling, error) {
	d.mu.Lock()
	path := d.newPath("cache")
	d.mu.Unlock()
	h, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	return &Filling{d: d, f: &File{d: d, f: h, path: path, refs: 1}}, nil
}

// allocateFrom is the size from which it is faster to have the host allocate a file
// before it is written: then by half, on ext4.
const allocateFrom = 1 << 20

// Expect keeps room for a file of a size, or returns ENOSPC.
func (w *Filling) Expect(size int64) error {
	if err := w.grow(size - w.f.size); err != nil || size < allocateFrom {
		return err
	}
	err := unix.Fallocate(int(w.f.f.Fd()), unix.FALLOC_FL_KEEP_SIZE, 0, size)
	if errors.Is(err, unix.ENOSPC) || errors.Is(err, unix.EDQUOT) {
		return err
	}
	return nil // not all file systems can do it
}

// Write adds content, or returns ENOSPC.
func (w *Filling) Write(p []byte) (int, error) {
	if err := w.grow(w.written + int64(len(p)) - w.f.size); err != nil {
		return 0, err
	}
	w.written += int64(len(p))
	return w.f.f.Write(p)
}

// grow keeps room for n more bytes, if that is not negative.
func (w *Filling) grow(n int64) error {
	if n <= 0 {
		return nil
	}
	w.d.mu.Lock()
	defer w.d.mu.Unlock()
	if err := w.d.reserveCache(n); err != nil {
		return err
	}
	w.f.size += n
	return nil
}

// Abort deletes the file.
func (w *Filling) Abort() { w.f.Release() }

// Commit makes the file that of a key. Nobody uses it yet.
func (w *Filling) Commit(key string, version any) {
	w.d.mu.Lock()
	defer w.d.mu.Unlock()
	if w.written < w.f.size {
		w.d.reserveCache(w.written - w.f.size)
		w.f.size = w.written
	}
	w.f.key, w.f.version = key, version
	w.d.index(w.f)
	w.f.release()
}
