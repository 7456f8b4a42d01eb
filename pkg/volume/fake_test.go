package volume

import (
	"context"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"slices"
	"sync"
	"syscall"
	"time"
)

// fake is a volume in memory that can do everything, and can be made to
// misbehave.
type fake struct {
	// hook runs before every call, if it is set. It may block, panic or fail.
	hook func(ctx context.Context, call string, id ID) error
	// mangle changes the attributes that are returned.
	mangle func(call string, a Attr) Attr
	// list replaces ReadDir.
	list func(after string) ([]Entry, error)
	// wrap replaces a handle.
	wrap func(Handle) Handle

	mu     sync.Mutex
	files  map[ID]*fakeFile
	serial int
	opens  int // handles that are open
	calls  []string
	usage  Usage
}

type fakeFile struct {
	attr    Attr
	content []byte
	entries map[string]ID
	target  string
	xattrs  map[string][]byte
}

var fakeTime = time.Unix(1_700_000_000, 123_456_789)

func newFake() *fake {
	v := &fake{files: map[ID]*fakeFile{}}
	v.add("root", &fakeFile{attr: Attr{Mode: fs.ModeDir | 0o755}, entries: map[string]ID{}})
	return v
}

func (v *fake) add(id ID, f *fakeFile) ID {
	f.attr.ID = id
	if f.attr.ModTime.IsZero() {
		f.attr.ModTime = fakeTime
	}
	if f.xattrs == nil {
		f.xattrs = map[string][]byte{}
	}
	v.files[id] = f
	return id
}

// put makes a file in the root without a call.
func (v *fake) put(name string, f *fakeFile) ID {
	v.mu.Lock()
	defer v.mu.Unlock()
	f.attr.Size = int64(len(f.content) + len(f.target))
	if f.attr.Mode.IsDir() && f.entries == nil {
		f.entries = map[string]ID{}
	}
	v.files["root"].entries[name] = v.add(ID("id-"+name), f)
	return ID("id-" + name)
}

func (v *fake) enter(ctx context.Context, call string, id ID) error {
	v.mu.Lock()
	v.calls = append(v.calls, call)
	hook := v.hook
	v.mu.Unlock()
	if hook != nil {
		return hook(ctx, call, id)
	}
	return nil
}

func (v *fake) setHook(hook func(ctx context.Context, call string, id ID) error) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.hook = hook
}

func (v *fake) called(call string) int {
	v.mu.Lock()
	defer v.mu.Unlock()
	n := 0
	for _, c := range v.calls {
		if c == call {
			n++
		}
	}
	return n
}

func (v *fake) openHandles() int {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.opens
}

func (v *fake) file(id ID) (*fakeFile, error) {
	if f := v.files[id]; f != nil {
		return f, nil
	}
	return nil, fmt.Errorf("file %q: %w", id, fs.ErrNotExist)
}

func (v *fake) attr(call string, f *fakeFile) Attr {
	if v.mangle != nil {
		return v.mangle(call, f.attr)
	}
	return f.attr
}

func (v *fake) Root(ctx context.Context) (Attr, error) { return v.stat(ctx, "root", "root") }
func (v *fake) Stat(ctx context.Context, id ID) (Attr, error) {
	return v.stat(ctx, "stat", id)
}

func (v *fake) stat(ctx context.Context, call string, id ID) (Attr, error) {
	if err := v.enter(ctx, call, id); err != nil {
		return Attr{}, err
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	f, err := v.file(id)
	if err != nil {
		return Attr{}, err
	}
	return v.attr(call, f), nil
}

func (v *fake) Lookup(ctx context.Context, dir ID, name string) (Attr, error) {
	if err := v.enter(ctx, "lookup", dir); err != nil {
		return Attr{}, err
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	d, err := v.file(dir)
	if err != nil {
		return Attr{}, err
	}
	f, err := v.file(d.entries[name])
	if err != nil {
		return Attr{}, err
	}
	return v.attr("lookup", f), nil
}

func (v *fake) ReadDir(ctx context.Context, dir ID, after string, limit int) ([]Entry, error) {
	if err := v.enter(ctx, "readdir", dir); err != nil {
		return nil, err
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.list != nil {
		return v.list(after)
	}
	d, err := v.file(dir)
	if err != nil {
		return nil, err
	}
	var page []Entry
	for _, name := range slices.Sorted(maps.Keys(d.entries)) {
		if name > after && len(page) < limit {
			id := d.entries[name]
			page = append(page, Entry{Name: name, ID: id, Type: v.files[id].attr.Mode.Type()})
		}
	}
	return page, nil
}

func (v *fake) Open(ctx context.Context, id ID, how OpenHow) (Handle, error) {
	if err := v.enter(ctx, "open", id); err != nil {
		return nil, err
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	f, err := v.file(id)
	if err != nil {
		return nil, err
	}
	if how.Truncate {
		f.content, f.attr.Size = nil, 0
	}
	return v.handle(f), nil
}

func (v *fake) handle(f *fakeFile) Handle {
	v.opens++
	var h Handle = &fakeHandle{v, f}
	if v.wrap != nil {
		h = v.wrap(h)
	}
	return h
}

func (v *fake) Close(context.Context) error { return nil }

// make is what all that make files share.
func (v *fake) make(ctx context.Context, call string, dir ID, name string, f *fakeFile) (Attr, error) {
	if err := v.enter(ctx, call, dir); err != nil {
		return Attr{}, err
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	d, err := v.file(dir)
	if err != nil {
		return Attr{}, err
	}
	if d.entries[name] != "" {
		return Attr{}, fmt.Errorf("making %q: %w", name, fs.ErrExist)
	}
	v.serial++
	d.entries[name] = v.add(ID(fmt.Sprintf("new-%d", v.serial)), f)
	return v.attr(call, f), nil
}

func (v *fake) Create(ctx context.Context, dir ID, name string, n NewFile, how OpenHow) (Attr, WritableHandle, error) {
	f := &fakeFile{attr: Attr{Mode: n.Perm, UID: n.UID, GID: n.GID}}
	a, err := v.make(ctx, "create", dir, name, f)
	if err != nil {
		return a, nil, err
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	return a, v.handle(f).(WritableHandle), nil
}

func (v *fake) Mkdir(ctx context.Context, dir ID, name string, n NewFile) (Attr, error) {
	return v.make(ctx, "mkdir", dir, name, &fakeFile{attr: Attr{Mode: fs.ModeDir | n.Perm, UID: n.UID, GID: n.GID}, entries: map[string]ID{}})
}

func (v *fake) Symlink(ctx context.Context, dir ID, name, target string, n NewFile) (Attr, error) {
	return v.make(ctx, "symlink", dir, name, &fakeFile{attr: Attr{Mode: fs.ModeSymlink | n.Perm, UID: n.UID, GID: n.GID, Size: int64(len(target))}, target: target})
}

func (v *fake) ReadLink(ctx context.Context, id ID) (string, error) {
	if err := v.enter(ctx, "readlink", id); err != nil {
		return "", err
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	f, err := v.file(id)
	if err != nil {
		return "", err
	}
	return f.target, nil
}

func (v *fake) Link(ctx context.Context, id, dir ID, name string) (Attr, error) {
	if err := v.enter(ctx, "link", id); err != nil {
		return Attr{}, err
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	f := v.files[id]
	f.attr.Links = max(f.attr.Links, 1) + 1
	v.files[dir].entries[name] = id
	return v.attr("link", f), nil
}

// Remove forgets a file at once: the adapter then answers for it.
func (v *fake) Remove(ctx context.Context, dir ID, name string, directory bool) error {
	if err := v.enter(ctx, "remove", dir); err != nil {
		return err
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	id := v.files[dir].entries[name]
	f, err := v.file(id)
	switch {
	case err != nil:
		return err
	case directory && !f.attr.Mode.IsDir():
		return syscall.ENOTDIR
	case !directory && f.attr.Mode.IsDir():
		return syscall.EISDIR
	}
	delete(v.files[dir].entries, name)
	delete(v.files, id)
	return nil
}

func (v *fake) Rename(ctx context.Context, oldDir ID, oldName string, newDir ID, newName string, noReplace bool) error {
	if err := v.enter(ctx, "rename", oldDir); err != nil {
		return err
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	if noReplace && v.files[newDir].entries[newName] != "" {
		return fs.ErrExist
	}
	v.files[newDir].entries[newName] = v.files[oldDir].entries[oldName]
	delete(v.files[oldDir].entries, oldName)
	return nil
}

func (v *fake) SetAttr(ctx context.Context, id ID, c Change) error {
	if err := v.enter(ctx, "setattr", id); err != nil {
		return err
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	f, err := v.file(id)
	if err != nil {
		return err
	}
	if c.Perm != nil {
		f.attr.Mode = f.attr.Mode.Type() | *c.Perm
	}
	if c.UID != nil {
		f.attr.UID = *c.UID
	}
	if c.GID != nil {
		f.attr.GID = *c.GID
	}
	if c.Size != nil {
		f.content = append(f.content, make([]byte, *c.Size)...)[:*c.Size]
		f.attr.Size = *c.Size
	}
	if c.AccessTime != nil {
		f.attr.AccessTime = *c.AccessTime
	}
	if c.ModTime != nil {
		f.attr.ModTime = *c.ModTime
	}
	return nil
}

func (v *fake) Usage(ctx context.Context) (Usage, error) { return v.usage, v.enter(ctx, "usage", "") }

// fakeHandle is an open file of a fake.
type fakeHandle struct {
	v *fake
	f *fakeFile
}

func (h *fakeHandle) ReadAt(ctx context.Context, p []byte, off int64) (int, error) {
	if err := h.v.enter(ctx, "readat", h.f.attr.ID); err != nil {
		return 0, err
	}
	h.v.mu.Lock()
	defer h.v.mu.Unlock()
	if off >= int64(len(h.f.content)) {
		return 0, io.EOF
	}
	n := copy(p, h.f.content[off:])
	if n < len(p) {
		return n, io.EOF
	}
	return n, nil
}

func (h *fakeHandle) WriteAt(ctx context.Context, p []byte, off int64) (int, error) {
	if err := h.v.enter(ctx, "writeat", h.f.attr.ID); err != nil {
		return 0, err
	}
	h.v.mu.Lock()
	defer h.v.mu.Unlock()
	if end := int(off) + len(p); end > len(h.f.content) {
		h.f.content = append(h.f.content, make([]byte, end-len(h.f.content))...)
		h.f.attr.Size = int64(end)
	}
	return copy(h.f.content[off:], p), nil
}

func (h *fakeHandle) Sync(ctx context.Context) error  { return h.v.enter(ctx, "sync", h.f.attr.ID) }
func (h *fakeHandle) Flush(ctx context.Context) error { return h.v.enter(ctx, "flush", h.f.attr.ID) }

func (h *fakeHandle) Close(ctx context.Context) error {
	h.v.mu.Lock()
	h.v.opens--
	h.v.mu.Unlock()
	return h.v.enter(ctx, "close", h.f.attr.ID)
}
