package metrics

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"unsafe"

	"golang.org/x/sys/unix"
)

// suffix is of files that a worker counts in: VOLUME@RANDOM.counts. No volume's
// name has an "@".
const suffix = ".counts"

// counts is a mapped file. Its numbers are changed and read atomically.
type counts struct {
	file   *os.File
	mapped []byte
	n      []atomic.Uint64
}

// create makes a file of zeros that is locked from its first moment on.
func create(dir, volume string) (*counts, error) {
	f, err := os.CreateTemp(dir, "new-*")
	if err != nil {
		return nil, err
	}
	err = errors.Join(unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB), f.Truncate(size()))
	name := filepath.Join(dir, volume+"@"+strings.TrimPrefix(filepath.Base(f.Name()), "new-")+suffix)
	if err == nil {
		err = os.Rename(f.Name(), name)
	}
	if err != nil {
		return nil, errors.Join(err, os.Remove(f.Name()), f.Close())
	}
	return mapFile(f)
}

func size() int64 { return int64(slots) * 8 }

// open opens a file and reports whether a worker still has it.
func open(path string) (c *counts, used bool, err error) {
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return nil, false, err
	}
	if info, err := f.Stat(); err != nil || info.Size() != size() {
		f.Close()
		return nil, false, fmt.Errorf("%s has not the size of this version's: %w", path, errors.Join(err, errForeign))
	}
	err = unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB)
	used = errors.Is(err, unix.EWOULDBLOCK)
	if err != nil && !used {
		f.Close()
		return nil, false, err
	}
	c, err = mapFile(f)
	return c, used, err
}

// errForeign is for a file of another version of the program.
var errForeign = errors.New("foreign file")

func mapFile(f *os.File) (*counts, error) {
	m, err := unix.Mmap(int(f.Fd()), 0, int(size()), unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
	if err != nil {
		return nil, errors.Join(os.NewSyscallError("mmap", err), f.Close())
	}
	// A mapping is aligned to pages.
	n := unsafe.Slice((*atomic.Uint64)(unsafe.Pointer(&m[0])), slots)
	return &counts{f, m, n}, nil
}

// close ends the lock too.
func (c *counts) close() error { return errors.Join(unix.Munmap(c.mapped), c.file.Close()) }

func (c *counts) add(slot int, n uint64) {
	if slot >= 0 {
		c.n[slot].Add(n)
	}
}

func (c *counts) set(slot int, n uint64) {
	if slot >= 0 {
		c.n[slot].Store(n)
	}
}

// values are all numbers. That they are not of one moment does not matter.
func (c *counts) values() []uint64 {
	all := make([]uint64, slots)
	for i := range all {
		all[i] = c.n[i].Load()
	}
	return all
}
