package disk

import (
	"container/list"
	"errors"
	"io"
	"os"
	"path/filepath"
)

// File is a file of a Dir. It is the same file of the host while it goes from
// cached to staged and back, so that a descriptor of it keeps its meaning.
//
// ReadAt and Host may be called concurrently; the others not, and not beside
// these.
type File struct {
	d    *Dir
	f    *os.File // open while refs > 0
	path string
	size int64

	// Of cached files, under the Dir's lock.
	key     string
	version any // the caller's, of what is cached
	refs    int
	place   *list.Element // in Dir.idle, while refs == 0

	staged bool
	record string // path of the record, if there is one
}

// use adds a user. The lock is held.
func (f *File) use() error {
	if f.refs == 0 {
		h, err := os.OpenFile(f.path, os.O_RDWR, 0)
		if err != nil {
			return err
		}
		f.f = h
		f.d.idle.Remove(f.place)
		f.place = nil
	}
	f.refs++
	return nil
}

// Release ends one use. A staged file is deleted, with its record.
func (f *File) Release() {
	f.d.mu.Lock()
	defer f.d.mu.Unlock()
	f.release()
}

// release is Release with the lock held.
func (f *File) release() {
	f.refs--
	if f.refs > 0 {
		return
	}
	f.f.Close()
	if !f.staged && f.d.cached[f.key] == f && !f.d.closed {
		f.place = f.d.idle.PushBack(f)
		return
	}
	f.d.remove(f)
}

// Keep ends the use of a staged file that has a record, and leaves both on disk.
func (f *File) Keep() {
	f.d.mu.Lock()
	defer f.d.mu.Unlock()
	f.f.Close()
}

// Size is in bytes.
func (f *File) Size() int64 { return f.size }

// Staged reports whether the file may be written.
func (f *File) Staged() bool { return f.staged }

// ReadAt is that of io.ReaderAt.
func (f *File) ReadAt(p []byte, off int64) (int, error) { return f.f.ReadAt(p, off) }

// Host opens the file once more, for reading only.
func (f *File) Host() (*os.File, error) {
	f.d.mu.Lock()
	defer f.d.mu.Unlock()
	return os.Open(f.path)
}

// index makes a file that of its key. The lock is held.
func (d *Dir) index(f *File) {
	if old := d.cached[f.key]; old != nil {
		d.drop(old)
	}
	d.cached[f.key] = f
}

// NewStaged makes an empty staged file, in use.
func (d *Dir) NewStaged() (*File, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if err := d.reserveStage(0, 1); err != nil {
		return nil, err
	}
	path := d.newPath("stage")
	h, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_RDWR, 0o600)
	if err != nil {
		d.reserveStage(0, -1)
		return nil, err
	}
	return &File{d: d, f: h, path: path, refs: 1, staged: true}, nil
}

// Stage makes a cached file, of which the caller is the only user, a staged one.
func (f *File) Stage() error {
	f.d.mu.Lock()
	defer f.d.mu.Unlock()
	switch {
	case f.staged:
		return nil
	case f.refs != 1:
		return errors.New("a cached file with two users cannot be staged")
	}
	if err := f.d.reserveStage(f.size, 1); err != nil {
		return err
	}
	path := filepath.Join(f.d.path, "stage", filepath.Base(f.path))
	if err := os.Rename(f.path, path); err != nil {
		f.d.reserveStage(-f.size, -1)
		return err
	}
	if f.d.cached[f.key] == f {
		delete(f.d.cached, f.key)
	}
	f.d.cache -= f.size
	f.path, f.staged = path, true
	f.d.l.Changed(f.d.cache, f.d.stage)
	return nil
}

// Unstage makes a staged file without a record the cached one of a key. It
// reports whether there was room for it.
func (f *File) Unstage(key string, version any) bool {
	f.d.mu.Lock()
	defer f.d.mu.Unlock()
	if f.record != "" || f.d.reserveCache(f.size) != nil {
		return false
	}
	path := filepath.Join(f.d.path, "cache", filepath.Base(f.path))
	if os.Rename(f.path, path) != nil {
		f.d.cache -= f.size
		return false
	}
	f.path, f.staged, f.key, f.version = path, false, key, version
	f.d.reserveStage(-f.size, -1)
	f.d.index(f)
	return true
}

// WriteAt writes into a staged file, or returns ENOSPC.
func (f *File) WriteAt(p []byte, off int64) (int, error) {
	if grow := off + int64(len(p)) - f.size; grow > 0 {
		if err := f.resize(grow); err != nil {
			return 0, err
		}
		n, err := f.f.WriteAt(p, off)
		if err != nil {
			f.settle()
		}
		return n, err
	}
	return f.f.WriteAt(p, off)
}

// settle takes the size from the host, after a write that failed in the middle.
func (f *File) settle() {
	if st, err := f.f.Stat(); err == nil {
		f.resize(st.Size() - f.size)
	}
}

// Truncate sets the size of a staged file, or returns ENOSPC.
func (f *File) Truncate(size int64) error {
	if err := f.resize(size - f.size); err != nil {
		return err
	}
	err := f.f.Truncate(size)
	if err != nil {
		f.settle()
	}
	return err
}

func (f *File) resize(grow int64) error {
	f.d.mu.Lock()
	defer f.d.mu.Unlock()
	if err := f.d.reserveStage(grow, 0); err != nil {
		return err
	}
	f.size += grow
	return nil
}

// Append is for a staged file that is filled from the store.
func (f *File) Append() io.Writer { return appender{f} }

type appender struct{ f *File }

func (a appender) Write(p []byte) (int, error) { return a.f.WriteAt(p, a.f.size) }
