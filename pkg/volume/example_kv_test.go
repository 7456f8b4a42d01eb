package volume_test

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"io/fs"
	"slices"
	"sync"
	"syscall"
	"time"

	"github.com/directfs/runsc/pkg/volume"
)

// kv is a key-value store as one flat directory that can be written: each key is
// a file.
type kv struct {
	mu   sync.Mutex
	last int
	keys map[string]*value
	byID map[volume.ID]*value // those with a key, and those that are open
}

type value struct {
	attr volume.Attr
	data []byte
	open int  // handles
	gone bool // the key was removed
}

const (
	kvRoot    volume.ID = "root"
	kvLargest           = 1 << 20 // bytes of a value
)

func (s *kv) Root(context.Context) (volume.Attr, error) {
	return volume.Attr{ID: kvRoot, Mode: fs.ModeDir | 0o777}, nil
}

func (s *kv) Lookup(_ context.Context, dir volume.ID, name string) (volume.Attr, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if dir != kvRoot {
		return volume.Attr{}, syscall.ENOTDIR
	}
	if v, ok := s.keys[name]; ok {
		return v.now(), nil
	}
	return volume.Attr{}, fs.ErrNotExist
}

func (v *value) now() volume.Attr {
	v.attr.Size = int64(len(v.data))
	return v.attr
}

func (s *kv) Stat(ctx context.Context, id volume.ID) (volume.Attr, error) {
	if id == kvRoot {
		return s.Root(ctx)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if v, ok := s.byID[id]; ok {
		return v.now(), nil
	}
	return volume.Attr{}, fs.ErrNotExist
}

func (s *kv) ReadDir(_ context.Context, _ volume.ID, after string, limit int) (page []volume.Entry, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for name, v := range s.keys {
		if name > after {
			page = append(page, volume.Entry{Name: name, ID: v.attr.ID})
		}
	}
	slices.SortFunc(page, func(a, b volume.Entry) int { return cmp.Compare(a.Name, b.Name) })
	return page[:min(limit, len(page))], nil
}

func (s *kv) Open(_ context.Context, id volume.ID, how volume.OpenHow) (volume.Handle, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	v, ok := s.byID[id]
	if !ok {
		return nil, fs.ErrNotExist
	}
	if how.Truncate {
		v.data, v.attr.ModTime = nil, time.Now()
	}
	v.open++
	return &kvHandle{s, v}, nil
}

func (s *kv) Create(_ context.Context, _ volume.ID, name string, f volume.NewFile, _ volume.OpenHow) (volume.Attr, volume.WritableHandle, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, ok := s.keys[name]; ok {
		return volume.Attr{}, nil, fs.ErrExist
	}
	s.last++
	v := &value{open: 1, attr: volume.Attr{
		ID: volume.ID(fmt.Sprint(s.last)), Mode: f.Perm, UID: f.UID, GID: f.GID, ModTime: time.Now(),
	}}
	s.keys[name], s.byID[v.attr.ID] = v, v
	return v.now(), &kvHandle{s, v}, nil
}

func (s *kv) Mkdir(context.Context, volume.ID, string, volume.NewFile) (volume.Attr, error) {
	return volume.Attr{}, syscall.EPERM // it is flat
}

func (s *kv) Remove(_ context.Context, _ volume.ID, name string, directory bool) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	v, ok := s.keys[name]
	if !ok {
		return fs.ErrNotExist
	}
	if directory {
		return syscall.ENOTDIR
	}
	delete(s.keys, name)
	v.gone = true
	s.forget(v)
	return nil
}

// forget drops a value that has no key and is not open.
func (s *kv) forget(v *value) {
	if v.gone && v.open == 0 {
		delete(s.byID, v.attr.ID)
	}
}

func (s *kv) Rename(_ context.Context, _ volume.ID, oldName string, _ volume.ID, newName string, noReplace bool) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	v, ok := s.keys[oldName]
	if !ok {
		return fs.ErrNotExist
	}
	replaced, ok := s.keys[newName]
	switch {
	case ok && noReplace:
		return fs.ErrExist
	case replaced == v:
		return nil
	case ok:
		replaced.gone = true
		s.forget(replaced)
	}
	delete(s.keys, oldName)
	s.keys[newName] = v
	return nil
}

func (s *kv) SetAttr(_ context.Context, id volume.ID, c volume.Change) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	v, ok := s.byID[id]
	switch {
	case !ok:
		return syscall.EPERM // the root, too
	case c.Size == nil:
	case *c.Size > kvLargest:
		return syscall.EFBIG
	default:
		v.resize(*c.Size)
	}
	set(&v.attr.Mode, c.Perm)
	set(&v.attr.UID, c.UID)
	set(&v.attr.GID, c.GID)
	set(&v.attr.AccessTime, c.AccessTime)
	set(&v.attr.ModTime, c.ModTime)
	return nil
}

func set[T any](field *T, to *T) {
	if to != nil {
		*field = *to
	}
}

func (v *value) resize(size int64) {
	data := make([]byte, size)
	copy(data, v.data)
	v.data, v.attr.ModTime = data, time.Now()
}

func (s *kv) Close(context.Context) error { return nil }

type kvHandle struct {
	s *kv
	v *value
}

func (h *kvHandle) ReadAt(_ context.Context, p []byte, off int64) (int, error) {
	h.s.mu.Lock()
	defer h.s.mu.Unlock()
	n := copy(p, h.v.data[min(off, int64(len(h.v.data))):])
	if n < len(p) {
		return n, io.EOF
	}
	return n, nil
}

func (h *kvHandle) WriteAt(_ context.Context, p []byte, off int64) (int, error) {
	if off+int64(len(p)) > kvLargest {
		return 0, syscall.EFBIG
	}
	h.s.mu.Lock()
	defer h.s.mu.Unlock()
	h.v.resize(max(off+int64(len(p)), int64(len(h.v.data))))
	return copy(h.v.data[off:], p), nil
}

func (h *kvHandle) Sync(context.Context) error { return syscall.ENOTSUP } // a crash loses everything

func (h *kvHandle) Flush(context.Context) error { return nil }

func (h *kvHandle) Close(context.Context) error {
	h.s.mu.Lock()
	defer h.s.mu.Unlock()
	h.v.open--
	h.s.forget(h.v)
	return nil
}

// A key-value store as a volume that can be written.
func ExampleWritable() {
	ctx := context.Background()
	var v volume.Writable = &kv{keys: map[string]*value{}, byID: map[volume.ID]*value{}}

	root, _ := v.Root(ctx)
	_, h, _ := v.Create(ctx, root.ID, "colour", volume.NewFile{Perm: 0o644}, volume.OpenHow{Write: true})
	h.WriteAt(ctx, []byte("blue"), 0)
	h.Close(ctx)
	v.Rename(ctx, root.ID, "colour", root.ID, "color", true)

	entries, _ := v.ReadDir(ctx, root.ID, "", 100)
	for _, e := range entries {
		a, _ := v.Lookup(ctx, root.ID, e.Name)
		fmt.Println(e.Name, a.Mode, a.Size)
	}
	// Output:
	// color -rw-r--r-- 4
}
