package blob

import (
	"errors"
	"io/fs"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/directfs/runsc/pkg/volume"
	"github.com/directfs/runsc/pkg/volume/blob/internal/names"
)

func TestRemove(t *testing.T) {
	k := newKit(t, nil, "a", "d/b", "d/c", "m/", "x/y/z")
	k.wantErr(k.remove("a", true), syscall.ENOTDIR)
	k.wantErr(k.remove("d", false), syscall.EISDIR)
	k.wantErr(k.remove("d", true), syscall.ENOTEMPTY)
	k.wantErr(k.remove("none", false), fs.ErrNotExist)
	k.must(k.remove("a", false))
	k.wantNoObject("a")
	k.must(k.remove("m", true))
	k.wantNoObject("m/")
	k.must(k.remove("d/b", false))
	k.wantNoObject("d/")
	k.must(k.remove("d/c", false)) // the last one: the directory stays
	k.wantNames("", "d/ x/")
	k.relist()
	k.wantNames("", "d/ x/")
	k.wantNames("d", "")
	k.must(k.remove("d", true))
	k.must(k.remove("x/y/z", false))
	k.must(k.remove("x/y", true))
	k.must(k.remove("x", true))
	k.relist()
	k.wantNames("", "")
}

func TestOpenFilesSurvive(t *testing.T) {
	for name, size := range map[string]int{"cached": 100, "in ranges": 5 * chunkBytes} {
		for what, do := range map[string]func(k *kit) error{
			"removed":          func(k *kit) error { return k.remove("d/a", false) },
			"renamed":          func(k *kit) error { return k.rename("d/a", "b") },
			"replaced":         func(k *kit) error { return k.rename("other", "d/a") },
			"directory":        func(k *kit) error { return k.rename("d", "e") },
			"renamed and back": func(k *kit) error { return errors.Join(k.rename("d/a", "b"), k.rename("b", "d/a")) },
		} {
			t.Run(name+", "+what, func(t *testing.T) {
				k := newKit(t, func(c *Config) { c.CacheObjectBytes = 1000 }, "other")
				content := large(size)
				k.put("d/a", content)
				id := k.lookup("d/a").ID
				h := k.openFile("d/a", ro)
				if _, err := h.ReadAt(k.ctx, make([]byte, 5), 0); err != nil {
					t.Fatal(err)
				}
				k.must(do(k))
				k.wantContent(h, content)
				a, err := k.v.Stat(k.ctx, id)
				if err != nil || a.ID != id || a.Size != int64(size) {
					t.Fatalf("%+v, %v", a, err)
				}
				k.must(h.Close(k.ctx))
				_, err = k.v.Stat(k.ctx, id)
				if gone := what == "removed" || what == "replaced"; gone != errors.Is(err, fs.ErrNotExist) {
					t.Fatalf("after the last close: %v", err)
				}
			})
		}
	}
}

func TestWriteRemovedFile(t *testing.T) {
	k := newKit(t, nil)
	h := k.create("a")
	k.writeAt(h, "x", 0)
	k.must(k.remove("a", false))
	k.writeAt(h, "yz", 0)
	k.must(h.Flush(k.ctx))
	k.wantContent(h, "yz")
	k.must(h.Close(k.ctx))
	k.wantNoObject("a")
	if left := k.staged(); len(left) > 0 {
		t.Fatalf("left: %v", left)
	}
}

func TestWriteRemovedObject(t *testing.T) {
	k := newKit(t, nil, "a")
	h := k.openFile("a", rw)
	k.must(k.remove("a", false))
	k.writeAt(h, "C", 0)
	k.must(h.Flush(k.ctx))
	k.wantContent(h, "Content of a")
	k.must(h.Close(k.ctx))
	k.wantNoObject("a")
}

func TestRemoveStopsUpload(t *testing.T) {
	k := newKit(t, nil)
	h := k.create("a")
	k.writeAt(h, large(1000), 0) // less is sent at once
	started := make(chan struct{})
	start := sync.OnceFunc(func() { close(started) })
	k.setDuring(func(r Request, _ string) {
		if r == RequestWrite {
			start()
		}
	})
	k.failOn(RequestWrite, fault{block: make(chan struct{})})
	done := make(chan error)
	go func() { done <- h.Flush(k.ctx) }()
	<-started
	k.must(k.remove("a", false))
	k.must(<-done)
	k.wantNoObject("a")
	k.must(h.Close(k.ctx))
}

func TestCreateAndMkdir(t *testing.T) {
	k := newKit(t, nil, "a", "d/b")
	root := k.lookup("").ID
	_, _, err := k.v.Create(k.ctx, root, "a", volume.NewFile{}, rw)
	k.wantErr(err, fs.ErrExist)
	_, err = k.v.Mkdir(k.ctx, root, "d", volume.NewFile{})
	k.wantErr(err, fs.ErrExist)
	made, err := k.v.Mkdir(k.ctx, root, "new", volume.NewFile{})
	k.must(err)
	k.wantObject("new/", "")
	k.wantNames("new", "")
	k.write("new/f", "x")
	k.must(k.remove("new/f", false))
	k.must(k.remove("new", true))
	again, err := k.v.Mkdir(k.ctx, root, "new", volume.NewFile{})
	if err != nil || again.ID == made.ID {
		t.Fatalf("%+v, %v", again, err)
	}
	_, _, err = k.v.Create(k.ctx, root, names.Substitute("x", "x"), volume.NewFile{}, rw)
	k.wantErr(err, syscall.EINVAL)
	_, _, err = k.v.Create(k.ctx, made.ID, "x", volume.NewFile{}, rw)
	k.wantErr(err, fs.ErrNotExist)
}

// Objects that can have no path of their own are shown under others, and can be
// read and removed there.
func TestImpossibleNames(t *testing.T) {
	long := strings.Repeat("l", 300)
	objects := []string{"a", "a/b", "/lead", "d//x", "./dot", "../up", "nul\x00", long, "m/", "e/z"}
	k := newKit(t, nil, objects...)
	k.must(k.inner.WriteAll(k.ctx, "c/", []byte("a directory with content"), nil))
	k.relist()
	seen := map[string]bool{}
	var walk func(dir volume.ID)
	walk = func(dir volume.ID) {
		entries, err := k.v.ReadDir(k.ctx, dir, "", 100)
		k.must(err)
		for _, e := range entries {
			a, err := k.v.Lookup(k.ctx, dir, e.Name)
			if err != nil || a.ID != e.ID || a.Mode.Type() != e.Type {
				t.Fatalf("%q: %+v, %v, want %+v", e.Name, a, err, e)
			}
			if b, err := k.v.Stat(k.ctx, e.ID); err != nil || b != a {
				t.Fatalf("%q: %+v, %v, want %+v", e.Name, b, err, a)
			}
			if e.Type.IsDir() {
				walk(e.ID)
				continue
			}
			h, err := k.v.Open(k.ctx, e.ID, rw)
			k.must(err)
			content, err := k.all(h)
			k.must(err)
			seen[content] = true
			w := h.(volume.WritableHandle)
			k.writeAt(w, "C", 0)
			k.must(w.Flush(k.ctx))
			k.must(h.Close(k.ctx))
			k.must(k.v.Remove(k.ctx, dir, e.Name, false))
		}
	}
	walk(k.lookup("").ID)
	for _, o := range append(objects, "c/") {
		want := "content of " + o
		switch o {
		case "m/":
			continue
		case "c/":
			want = "a directory with content"
		}
		if !seen[want] {
			t.Errorf("object %.20q is not to be seen", o)
		}
		k.wantNoObject(o)
	}
}

func TestAudit(t *testing.T) {
	k := newKit(t, nil, "a", "a-x", "a/b", "a/c", "fine/x", "/lead", "d//x", "d//y", "./dot", "nul\x00", strings.Repeat("l", 300), "m/")
	k.put("c/", "content")
	found, err := Audit(k.ctx, Config{Bucket: k.bucket})
	k.must(err)
	got := map[string]string{}
	for _, f := range found {
		got[f.Key] = f.Problem
		if !names.IsSubstitute(f.Shown) {
			t.Errorf("%q is shown as %q", f.Key, f.Shown)
		}
	}
	for _, key := range []string{"a", "/lead", "d//x", "d//y", "./dot", "nul\x00", strings.Repeat("l", 300), "c/"} {
		if got[key] == "" {
			t.Errorf("%.20q is not reported", key)
		}
		delete(got, key)
	}
	if len(got) > 0 {
		t.Errorf("reported without reason: %v", got)
	}
}
