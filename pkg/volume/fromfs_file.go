package volume

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"sync"
	"syscall"

	"golang.org/x/sys/unix"
)

func (v *fsVolume) Open(ctx context.Context, id ID, how OpenHow) (Handle, error) {
	info, err := v.lstat(id)
	if err != nil {
		return nil, err
	}
	if how.Write {
		return nil, &fs.PathError{Op: "open", Path: string(id), Err: syscall.EROFS}
	}
	// Before it is opened: to open a pipe waits for whoever writes into it.
	if err := openable(info.Mode()); err != nil {
		return nil, &fs.PathError{Op: "open", Path: string(id), Err: err}
	}
	f, err := v.openRegular(id)
	if err != nil {
		return nil, err
	}
	return v.handle(id, f), nil
}

// openable says why a file of that type is not opened.
func openable(mode fs.FileMode) error {
	switch mode.Type() {
	case 0:
		return nil
	case fs.ModeDir:
		return syscall.EISDIR
	case fs.ModeSymlink:
		return syscall.ELOOP
	}
	return syscall.ENXIO
}

func (v *fsVolume) openRegular(id ID) (fs.File, error) {
	f, err := v.fsys.Open(string(id))
	if err != nil {
		return nil, err
	}
	info, err := f.Stat()
	if err == nil && !info.Mode().IsRegular() {
		err = &fs.PathError{Op: "open", Path: string(id), Err: syscall.ESTALE}
	}
	if err != nil {
		f.Close()
		return nil, err
	}
	return f, nil
}

func (v *fsVolume) handle(id ID, f fs.File) Handle {
	switch r := f.(type) {
	case *os.File:
		return hostHandle{atHandle{f, r}, r}
	case io.ReaderAt:
		return atHandle{f, r}
	case io.ReadSeeker:
		return &seekHandle{f: f, s: r}
	}
	return &streamHandle{
		file: f, end: -1, blocks: v.blocks,
		open: func() (fs.File, error) { return v.openRegular(id) },
	}
}

// atHandle reads at any place.
type atHandle struct {
	f fs.File
	r io.ReaderAt
}

// ReadAt knows that some io.ReaderAts, that of testing/fstest among them, find
// fault with places behind the end.
func (h atHandle) ReadAt(_ context.Context, p []byte, off int64) (int, error) {
	n, err := h.r.ReadAt(p, off)
	if errors.Is(err, fs.ErrInvalid) && n == 0 {
		if info, err := h.f.Stat(); err == nil && off >= info.Size() {
			return 0, io.EOF
		}
	}
	return n, err
}

func (h atHandle) Close(context.Context) error { return h.f.Close() }

// hostHandle is a file of the host, which the sandbox may have.
type hostHandle struct {
	atHandle
	file *os.File
}

// HostFile returns nothing where the file system opened the file for writing too.
func (h hostHandle) HostFile() *os.File {
	if !readOnly(h.file) {
		return nil
	}
	return h.file
}

func readOnly(f *os.File) bool {
	conn, err := f.SyscallConn()
	if err != nil {
		return false
	}
	ok := false
	err = conn.Control(func(fd uintptr) {
		flags, err := unix.FcntlInt(fd, unix.F_GETFL, 0)
		ok = err == nil && flags&unix.O_ACCMODE == unix.O_RDONLY && flags&unix.O_PATH == 0
	})
	return ok && err == nil
}

// seekHandle seeks before it reads.
type seekHandle struct {
	f  fs.File
	mu sync.Mutex // the place in s
	s  io.ReadSeeker
}

func (h *seekHandle) ReadAt(_ context.Context, p []byte, off int64) (int, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if _, err := h.s.Seek(off, io.SeekStart); err != nil {
		return 0, err
	}
	return readFull(h.s, p)
}

func (h *seekHandle) Close(context.Context) error { return h.f.Close() }

// readFull reads as io.ReaderAt promises to.
func readFull(r io.Reader, p []byte) (int, error) {
	n, err := io.ReadFull(r, p)
	if err == io.ErrUnexpectedEOF {
		err = io.EOF
	}
	return n, err
}
