// Package disk keeps cached and staged files in a directory of the host, within
// bounds.
package disk

import (
	"container/list"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"syscall"

	"golang.org/x/sys/unix"
)

// Limits bounds a directory. Changed and Evicted may not be nil; they are called
// with a lock held, as is Room.
type Limits struct {
	CacheBytes, StageBytes int64
	Changed                func(cacheBytes, stageBytes int64)
	Evicted                func()

	// Room, if not nil, is asked before staged files take more bytes of the disk,
	// and told when they take less. An error is ENOSPC.
	Room func(bytes int64) error
}

// Dir is a directory with cached files, which may be deleted at any time that
// nobody uses them, and staged ones, which have content that exists nowhere else.
type Dir struct {
	path string
	lock *os.File
	l    Limits

	mu           sync.Mutex
	cached       map[string]*File // by key
	idle         *list.List       // cached files that nobody uses, the oldest first
	cache, stage int64            // bytes in use
	staged       int64            // staged files
	next         uint64
	closed       bool
}

// ErrBusy means that another volume uses the directory.
var ErrBusy = errors.New("the directory is used by another volume")

// Open locks a directory, makes it if needed, and deletes what was cached.
func Open(path string, l Limits) (*Dir, error) {
	for _, p := range []string{path, filepath.Join(path, "cache"), filepath.Join(path, "stage")} {
		if err := os.MkdirAll(p, 0o700); err != nil {
			return nil, err
		}
	}
	lock, err := os.OpenFile(filepath.Join(path, "lock"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	if err := unix.Flock(int(lock.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		lock.Close()
		if errors.Is(err, unix.EWOULDBLOCK) {
			return nil, fmt.Errorf("%s: %w", path, ErrBusy)
		}
		return nil, fmt.Errorf("lock %s: %w", path, err)
	}
	d := &Dir{path: path, lock: lock, l: l, cached: map[string]*File{}, idle: list.New()}
	if err := d.clean(); err != nil {
		lock.Close()
		return nil, err
	}
	return d, nil
}

// clean deletes what is cached and staged files without a record, and counts the
// others.
func (d *Dir) clean() error {
	cached, err := filepath.Glob(filepath.Join(d.path, "cache", "*"))
	if err != nil {
		return err
	}
	for _, p := range cached {
		if err := os.Remove(p); err != nil {
			return err
		}
	}
	left, err := d.Leftovers()
	if err != nil {
		return err
	}
	for _, l := range left {
		d.stage += l.Size
		d.staged++
		d.next = max(d.next, l.number)
	}
	return nil
}

// Close ends the use of the directory. Staged files that have a record stay.
func (d *Dir) Close() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.closed = true
	for e := d.idle.Front(); e != nil; e = e.Next() {
		os.Remove(e.Value.(*File).path)
	}
	return d.lock.Close()
}

// newPath returns a path that no file has. The lock is held.
func (d *Dir) newPath(kind string) string {
	d.next++
	return filepath.Join(d.path, kind, strconv.FormatUint(d.next, 10)+dataSuffix)
}

// reserveCache makes room for n more bytes by deleting idle files, or returns
// ENOSPC. The lock is held.
func (d *Dir) reserveCache(n int64) error {
	for d.cache+n > d.l.CacheBytes {
		oldest := d.idle.Front()
		if oldest == nil {
			return syscall.ENOSPC
		}
		d.drop(oldest.Value.(*File))
		d.l.Evicted()
	}
	d.cache += n
	d.l.Changed(d.cache, d.stage)
	return nil
}

// A staged file takes fileBytes of the disk beside its content: it has a record, and
// each of the two an inode. So empty files are bounded too.
const (
	fileBytes = 4096
	leastMost = 1000 // files, however little they may take
)

// Taken returns what staged files take of the disk.
func (d *Dir) Taken() int64 {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.stage + d.staged*fileBytes
}

// reserveStage is ENOSPC where n more bytes in so many more files do not fit. What
// becomes less always fits. The lock is held.
func (d *Dir) reserveStage(n, files int64) error {
	most := max(leastMost, d.l.StageBytes/fileBytes)
	if n > 0 && n > d.l.StageBytes-d.stage || files > 0 && d.staged+files > most { // a sum could overflow
		return syscall.ENOSPC
	}
	if d.l.Room != nil {
		err := d.l.Room(d.stage + n + (d.staged+files)*fileBytes)
		if err != nil && (n > 0 || files > 0) {
			return fmt.Errorf("%w: %w", syscall.ENOSPC, err)
		}
	}
	d.stage += n
	d.staged += files
	d.l.Changed(d.cache, d.stage)
	return nil
}

// drop takes a cached file out of the index and deletes it if nobody uses it. The
// lock is held.
func (d *Dir) drop(f *File) {
	if d.cached[f.key] == f {
		delete(d.cached, f.key)
	}
	if f.refs == 0 {
		d.idle.Remove(f.place)
		d.remove(f)
	}
}

// remove deletes a file that nobody uses. The lock is held.
func (d *Dir) remove(f *File) {
	os.Remove(f.path)
	if f.staged {
		f.unmark()
		d.reserveStage(-f.size, -1)
		return
	}
	d.cache -= f.size
	d.l.Changed(d.cache, d.stage)
}

// Acquire returns the cached file of a key, to be released, and its version, or nil.
// One that is not wanted is forgotten, and nobody uses it meanwhile.
func (d *Dir) Acquire(key string, wanted func(version any) bool) (*File, any) {
	d.mu.Lock()
	defer d.mu.Unlock()
	f := d.cached[key]
	if f == nil {
		return nil, nil
	}
	if !wanted(f.version) {
		d.drop(f)
		return nil, nil
	}
	if f.use() != nil {
		return nil, nil
	}
	return f, f.version
}

// Has reports whether a key is cached.
func (d *Dir) Has(key string) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.cached[key] != nil
}

// Rekey gives what is cached of a key another one, and a version, if it is what
// was moved. Otherwise it forgets it.
func (d *Dir) Rekey(from, to string, version any, moved func(version any) bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	f := d.cached[from]
	if f == nil {
		return
	}
	if !moved(f.version) {
		d.drop(f)
		return
	}
	delete(d.cached, from)
	f.key, f.version = to, version
	d.index(f)
}

// Drop forgets a cached key. Whoever uses the file goes on.
func (d *Dir) Drop(key string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if f := d.cached[key]; f != nil {
		d.drop(f)
	}
}

// Used returns the bytes in use.
func (d *Dir) Used() (cache, stage int64) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.cache, d.stage
}
