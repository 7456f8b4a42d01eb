package hostdir

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"sync"

	"golang.org/x/sys/unix"

	"github.com/directfs/runsc/pkg/volume"
)

// handle is an open regular file.
type handle struct {
	v    *Volume
	node *node
	file *os.File
	how  volume.OpenHow

	mu      sync.Mutex
	donated *os.File // another description than file, where that can write
	created bool     // and its name was not synced yet
}

var (
	_ volume.WritableHandle = (*handle)(nil)
	_ volume.Allocator      = (*handle)(nil)
	_ volume.FileDonor      = (*handle)(nil)
)

// Open implements volume.Volume.
func (v *Volume) Open(_ context.Context, id volume.ID, how volume.OpenHow) (volume.Handle, error) {
	v.names.RLock()
	defer v.names.RUnlock()
	fd, n, err := v.openRegular(id, accessOf(how))
	if err != nil {
		return nil, err
	}
	if how.Truncate {
		if err := unix.Ftruncate(fd, 0); err != nil {
			unix.Close(fd)
			return nil, err
		}
	}
	return v.newHandle(fd, n, how), nil
}

func accessOf(how volume.OpenHow) int {
	switch {
	case how.Read && how.Write:
		return unix.O_RDWR
	case how.Write:
		return unix.O_WRONLY
	}
	return unix.O_RDONLY
}

// openRegular opens a file for reading or writing. v.names is held.
func (v *Volume) openRegular(id volume.ID, access int) (int, *node, error) {
	f, err := v.find(id)
	if errors.Is(err, fs.ErrNotExist) {
		return v.openAgain(id, access, err)
	}
	if err != nil {
		return -1, nil, err
	}
	f.close()
	if err := openable(f.Mode); err != nil {
		return -1, nil, err
	}
	r, err := v.openNamed(id, access)
	if err == unix.EACCES {
		return v.openAgain(id, access, err)
	}
	return r.fd, r.node, err
}

// openNamed opens a regular file by its name. Should that lead to a pipe by now,
// opening it does not wait.
func (v *Volume) openNamed(id volume.ID, access int) (found, error) {
	f, err := v.findAs(id, access|unix.O_NONBLOCK|unix.O_NOCTTY)
	if err != nil {
		return found{fd: -1}, err
	}
	if _, err := unix.FcntlInt(uintptr(f.fd), unix.F_SETFL, unix.O_LARGEFILE); err != nil {
		f.close()
		return found{fd: -1}, err
	}
	return f, nil
}

// openAgain opens a file that has no name any more, or may not be opened any
// more, by a handle of it that may do as much. Without one, it returns err.
func (v *Volume) openAgain(id volume.ID, access int, err error) (int, *node, error) {
	h := v.openHandle(id, access)
	if h == nil {
		return -1, nil, err
	}
	fd := -1
	err = h.use(func(old int) (err error) {
		fd, err = unix.FcntlInt(uintptr(old), unix.F_DUPFD_CLOEXEC, 0)
		return err
	})
	return fd, h.node, err
}

func openable(mode fs.FileMode) error {
	switch mode.Type() {
	case 0:
		return nil
	case fs.ModeDir:
		return unix.EISDIR
	case fs.ModeSymlink:
		return unix.ELOOP
	}
	return unix.ENXIO
}

func (v *Volume) newHandle(fd int, n *node, how volume.OpenHow) *handle {
	h := &handle{v: v, node: n, how: how, file: os.NewFile(uintptr(fd), "file of a volume")}
	v.table.opened(n, h)
	return h
}

// anyAccess asks for a handle whatever it was opened for.
const anyAccess = -1

// openHandle returns a handle of the file that allows the access, or nil.
func (v *Volume) openHandle(id volume.ID, access int) *handle {
	v.table.mu.Lock()
	defer v.table.mu.Unlock()
	n, ok := v.table.nodes[id]
	if !ok {
		return nil
	}
	for _, h := range n.handles {
		if has := accessOf(h.how); has == access || has == unix.O_RDWR || access == anyAccess {
			return h
		}
	}
	return nil
}

// use calls f with the descriptor, which is open until f returns.
func (h *handle) use(f func(fd int) error) error {
	conn, err := h.file.SyscallConn()
	if err != nil {
		return err
	}
	var failed error
	if err := conn.Control(func(fd uintptr) { failed = f(int(fd)) }); err != nil {
		return err
	}
	return failed
}

// ReadAt implements volume.Handle.
func (h *handle) ReadAt(_ context.Context, p []byte, off int64) (int, error) {
	return h.file.ReadAt(p, off)
}

// WriteAt implements volume.WritableHandle.
func (h *handle) WriteAt(_ context.Context, p []byte, off int64) (int, error) {
	return h.file.WriteAt(p, off)
}

// Sync implements volume.WritableHandle: after the first, the name of a file that
// was made by this handle survives as well.
func (h *handle) Sync(context.Context) error {
	if err := h.file.Sync(); err != nil {
		return err
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if !h.created {
		return nil
	}
	err := h.v.syncNames(h.node)
	h.created = err != nil
	return err
}

// Flush implements volume.WritableHandle. What was written is in the host's page
// cache already.
func (h *handle) Flush(context.Context) error { return nil }

// Allocate implements volume.Allocator.
func (h *handle) Allocate(_ context.Context, off, length int64, keepSize bool) error {
	mode := uint32(0)
	if keepSize {
		mode = unix.FALLOC_FL_KEEP_SIZE
	}
	return h.use(func(fd int) error { return unix.Fallocate(fd, mode, off, length) })
}

// HostFile implements volume.FileDonor. With Squash there is none: a sandbox that
// is raised for other mounts could change its owner.
func (h *handle) HostFile() *os.File {
	if !h.how.Read || h.v.o.Squash != nil {
		return nil
	}
	if !h.how.Write {
		return h.file
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.donated == nil {
		h.donated = h.v.openToDonate(h.node.id)
	}
	return h.donated
}

func (v *Volume) openToDonate(id volume.ID) *os.File {
	v.names.RLock()
	defer v.names.RUnlock()
	f, err := v.openNamed(id, unix.O_RDONLY)
	if err != nil {
		return nil
	}
	return os.NewFile(uintptr(f.fd), "donated file of a volume")
}

// Close implements volume.Handle.
func (h *handle) Close(context.Context) error {
	h.v.table.closed(h.node, h)
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.donated != nil {
		h.donated.Close()
	}
	return h.file.Close()
}
