package blob

import (
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"gocloud.dev/blob"

	"github.com/directfs/runsc/pkg/volume"
)

// kit is a volume over a bucket that can fail, and what tests do with it.
type kit struct {
	t *testing.T
	*faulty
	bucket *blob.Bucket
	c      Config
	v      volume.Writable
	ctx    context.Context
}

func newKit(t *testing.T, change func(c *Config), objects ...string) *kit {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	t.Cleanup(cancel)
	b, f := newFaulty()
	k := &kit{t: t, faulty: f, bucket: b, ctx: ctx}
	for _, o := range objects {
		content := "content of " + o
		if strings.HasSuffix(o, "/") { // a directory
			content = ""
		}
		k.put(o, content)
	}
	k.c = Config{Bucket: b, Dir: t.TempDir(), ListTTL: time.Hour, IfMatch: ifMatch, PrefetchFiles: -1}
	if change != nil {
		change(&k.c)
	}
	k.open()
	t.Cleanup(func() { f.heal(); k.v.Close(context.Background()); b.Close() })
	return k
}

func (k *kit) open() {
	k.t.Helper()
	v, err := Open(k.ctx, k.c)
	if err != nil {
		k.t.Fatal(err)
	}
	if w, ok := v.(volume.Writable); ok {
		k.v = w
	} else {
		k.v = readOnlyKit{v}
	}
}

func (k *kit) must(err error) {
	k.t.Helper()
	if err != nil {
		k.t.Fatal(err)
	}
}

func (k *kit) wantErr(err, want error) {
	k.t.Helper()
	if !errors.Is(err, want) {
		k.t.Fatalf("error %v, want %v", err, want)
	}
}

// put and get are another writer's, past the volume, which then lists again.
func (k *kit) put(key, content string) {
	k.t.Helper()
	k.must(k.inner.WriteAll(k.ctx, key, []byte(content), nil))
	k.relist()
}

func (k *kit) relist() {
	if w, ok := k.v.(*writable); ok {
		w.lists.forget("")
	}
}

func (k *kit) get(key string) string {
	k.t.Helper()
	b, err := k.inner.ReadAll(k.ctx, key)
	if err != nil {
		return "(" + err.Error() + ")"
	}
	return string(b)
}

func (k *kit) wantObject(key, content string) {
	k.t.Helper()
	if got := k.get(key); got != content {
		k.t.Fatalf("object %s has %.100q, want %.100q", key, got, content)
	}
}

func (k *kit) wantNoObject(key string) {
	k.t.Helper()
	if ok, err := k.inner.Exists(k.ctx, key); err != nil || ok {
		k.t.Fatalf("object %s exists: %v, %v", key, ok, err)
	}
}

func (k *kit) tryLookup(path string) (volume.Attr, error) {
	a, err := k.v.Root(k.ctx)
	for _, name := range strings.FieldsFunc(path, func(r rune) bool { return r == '/' }) {
		if err == nil {
			a, err = k.v.Lookup(k.ctx, a.ID, name)
		}
	}
	return a, err
}

func (k *kit) lookup(path string) volume.Attr {
	k.t.Helper()
	a, err := k.tryLookup(path)
	k.must(err)
	return a
}

func (k *kit) openFile(path string, how volume.OpenHow) volume.WritableHandle {
	k.t.Helper()
	h, err := k.v.Open(k.ctx, k.lookup(path).ID, how)
	k.must(err)
	return h.(volume.WritableHandle)
}

func (k *kit) create(path string) volume.WritableHandle {
	k.t.Helper()
	dir, name := filepath.Split(path)
	_, h, err := k.v.Create(k.ctx, k.lookup(dir).ID, name, volume.NewFile{Perm: 0o600}, rw)
	k.must(err)
	return h
}

// write makes a file as an application does.
func (k *kit) write(path, content string) {
	k.t.Helper()
	h := k.create(path)
	k.writeAt(h, content, 0)
	k.must(h.Flush(k.ctx))
	k.must(h.Close(k.ctx))
}

func (k *kit) writeAt(h volume.WritableHandle, content string, off int64) {
	k.t.Helper()
	if n, err := h.WriteAt(k.ctx, []byte(content), off); err != nil || n != len(content) {
		k.t.Fatalf("wrote %d bytes: %v", n, err)
	}
}

// all reads everything.
func (k *kit) all(h volume.Handle) (string, error) {
	b, err := io.ReadAll(io.NewSectionReader(at{k.ctx, h}, 0, 1<<40))
	return string(b), err
}

type at struct {
	ctx context.Context
	h   volume.Handle
}

func (a at) ReadAt(p []byte, off int64) (int, error) { return a.h.ReadAt(a.ctx, p, off) }

func (k *kit) wantContent(h volume.Handle, want string) {
	k.t.Helper()
	if got, err := k.all(h); err != nil || got != want {
		k.t.Fatalf("read %.100q, %v, want %.100q", got, err, want)
	}
}

func (k *kit) wantFile(path, want string) {
	k.t.Helper()
	h := k.openFile(path, ro)
	defer h.Close(k.ctx)
	k.wantContent(h, want)
	if size := k.lookup(path).Size; size != int64(len(want)) {
		k.t.Fatalf("%s has size %d, want %d", path, size, len(want))
	}
}

func (k *kit) names(path string) string {
	k.t.Helper()
	dir, all, after := k.lookup(path).ID, []string{}, ""
	for {
		part, err := k.v.ReadDir(k.ctx, dir, after, 2)
		k.must(err)
		if len(part) == 0 {
			return strings.Join(all, " ")
		}
		for _, e := range part {
			name := e.Name
			if e.Type.IsDir() {
				name += "/"
			}
			all, after = append(all, name), e.Name
		}
	}
}

func (k *kit) wantNames(path, want string) {
	k.t.Helper()
	if got := k.names(path); got != want {
		k.t.Fatalf("%s has %s, want %s", path, got, want)
	}
}

func (k *kit) rename(from, to string) error {
	d, n := filepath.Split(from)
	e, m := filepath.Split(to)
	return k.v.Rename(k.ctx, k.lookup(d).ID, n, k.lookup(e).ID, m, false)
}

func (k *kit) remove(path string, dir bool) error {
	d, n := filepath.Split(path)
	return k.v.Remove(k.ctx, k.lookup(d).ID, n, dir)
}

// staged returns what is in the directory for staged files.
func (k *kit) staged() []string {
	files, err := filepath.Glob(filepath.Join(k.c.Dir, "stage", "*"))
	k.must(err)
	return files
}

// crash opens the volume again, over a copy of the directory as it is now.
func (k *kit) crash() {
	k.t.Helper()
	now := k.t.TempDir()
	k.must(os.CopyFS(now, os.DirFS(k.c.Dir)))
	k.c.Dir = now
}

var (
	ro = volume.OpenHow{Read: true}
	rw = volume.OpenHow{Read: true, Write: true}
)
