package disk

import "os"

// Filling is a file that is being written into the cache.
type Filling struct {
	d *Dir
	f *File
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

// Write adds content, or returns ENOSPC.
func (w *Filling) Write(p []byte) (int, error) {
	w.d.mu.Lock()
	err := w.d.reserveCache(int64(len(p)))
	w.d.mu.Unlock()
	if err != nil {
		return 0, err
	}
	w.f.size += int64(len(p))
	return w.f.f.Write(p)
}

// Abort deletes the file.
func (w *Filling) Abort() { w.f.Release() }

// Commit makes the file that of a key, and returns it in use.
func (w *Filling) Commit(key string, version any) *File {
	w.d.mu.Lock()
	defer w.d.mu.Unlock()
	w.f.key, w.f.Version = key, version
	w.d.index(w.f)
	return w.f
}
