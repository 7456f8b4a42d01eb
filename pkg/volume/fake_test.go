package volume

import (
	"context"
	"fmt"
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
	if !d.attr.Mode.IsDir() {
		return Attr{}, syscall.ENOTDIR
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
