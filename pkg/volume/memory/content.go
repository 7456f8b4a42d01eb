package memory

import (
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strconv"

	"golang.org/x/sys/unix"
)

// content is the bytes of a regular file. Reads and writes are within its size.
type content interface {
	readAt(p []byte, off int64) error
	writeAt(p []byte, off int64) error
	resize(size int64) error

	// hostFile is what is donated, or nil.
	hostFile() *os.File
	close()
}

func (v *Volume) newContent() (content, error) {
	if v.options.DonateFiles {
		return newMemfd()
	}
	return new(heap), nil
}

// heap is content that cannot be donated.
type heap []byte

func (h *heap) readAt(p []byte, off int64) error  { copy(p, (*h)[off:]); return nil }
func (h *heap) writeAt(p []byte, off int64) error { copy((*h)[off:], p); return nil }

func (h *heap) resize(size int64) error {
	if old := int64(len(*h)); size > old {
		*h = append(*h, make([]byte, size-old)...)
	} else if size < old {
		// A copy, so that what is cut off is freed and does not come back.
		*h = slices.Clone((*h)[:size])
	}
	return nil
}

func (h *heap) hostFile() *os.File { return nil }
func (h *heap) close()             {}

// memfd is content that can be donated: memfd_create(2).
type memfd struct {
	file    *os.File
	donated *os.File // the same file, open for reading only
}

func newMemfd() (*memfd, error) {
	fd, err := memfdCreate("volume")
	if err != nil {
		return nil, fmt.Errorf("memfd_create: %w", err)
	}
	f := os.NewFile(uintptr(fd), "memfd")
	// Nobody who gets the FD for reading can open it for writing: /proc checks
	// the file's permissions when it is opened by its link there.
	if err := f.Chmod(0o400); err != nil {
		f.Close()
		return nil, err
	}
	donated, err := reopen(f)
	if err != nil {
		f.Close()
		return nil, err
	}
	return &memfd{file: f, donated: donated}, nil
}

// memfdCreate makes a file that cannot become executable, which the system may
// insist on (vm.memfd_noexec), where the kernel is 6.3 or newer.
func memfdCreate(name string) (int, error) {
	fd, err := unix.MemfdCreate(name, unix.MFD_CLOEXEC|unix.MFD_NOEXEC_SEAL)
	if errors.Is(err, unix.EINVAL) {
		return unix.MemfdCreate(name, unix.MFD_CLOEXEC)
	}
	return fd, err
}

// reopen returns a file of its own that can only be read, or nil where there is
// no /proc.
func reopen(f *os.File) (*os.File, error) {
	r, err := os.Open("/proc/self/fd/" + strconv.Itoa(int(f.Fd())))
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	return r, err
}

func (m *memfd) readAt(p []byte, off int64) error {
	_, err := m.file.ReadAt(p, off)
	if err == io.EOF {
		err = io.ErrUnexpectedEOF
	}
	return err
}

func (m *memfd) writeAt(p []byte, off int64) error {
	_, err := m.file.WriteAt(p, off)
	return err
}

func (m *memfd) resize(size int64) error { return m.file.Truncate(size) }
func (m *memfd) hostFile() *os.File      { return m.donated }

func (m *memfd) close() {
	m.file.Close()
	if m.donated != nil {
		m.donated.Close()
	}
}
