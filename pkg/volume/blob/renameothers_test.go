package blob

import (
	"io/fs"
	"syscall"
	"testing"

	"github.com/directfs/runsc/pkg/volume"
)

// replace is another writer's put, which no listing knows.
func (k *kit) replace(key, content string) {
	k.t.Helper()
	k.must(k.inner.WriteAll(k.ctx, key, []byte(content), nil))
}

// A file is renamed after another writer replaced its object by one of the same
// size. What is cached, or open, must not pass for the other's content.
func TestRenameOfReplaced(t *testing.T) {
	for name, c := range map[string]struct {
		open, listed bool
		from, to     string // what is renamed
		file         string // the file's path afterwards
		want         error
	}{
		"cached":         {false, false, "d/a", "d/b", "d/b", nil},
		"cached, listed": {false, true, "d/a", "d/b", "d/b", nil},
		"open":           {true, false, "d/a", "d/b", "d/b", nil},
		"directory":      {true, false, "d", "e", "e/a", nil},
	} {
		t.Run(name, func(t *testing.T) {
			k := newKit(t, nil, "other")
			k.put("d/a", "version 1")
			k.wantFile("d/a", "version 1")
			var h volume.WritableHandle
			if c.open {
				h = k.openFile("d/a", rw)
			}
			k.replace("d/a", "version 2")
			if c.listed {
				k.relist()
			}
			k.wantErr(k.rename(c.from, c.to), c.want)
			if c.open {
				k.wantContent(h, "version 1")
				if _, err := h.WriteAt(k.ctx, []byte("x"), 0); err == nil {
					k.wantErr(h.Flush(k.ctx), syscall.ESTALE)
				}
				k.must(h.Close(k.ctx))
			}
			k.wantObject(c.file, "version 2")
			g := k.openFile(c.file, rw)
			k.wantContent(g, "version 2")
			k.writeAt(g, "!", 9)
			k.must(g.Flush(k.ctx))
			k.must(g.Close(k.ctx))
			k.wantObject(c.file, "version 2!")
		})
	}
}

// Another writer replaces an object while its directory is renamed.
func TestRenameDirectoryDuringWrite(t *testing.T) {
	k := newKit(t, nil, "d/a", "d/b")
	k.setDuring(func(r Request, key string) {
		if r == RequestCopy && key == "d/b" {
			k.inner.WriteAll(k.ctx, "d/a", []byte("theirs"), nil)
		}
	})
	k.wantErr(k.rename("d", "e"), syscall.ESTALE)
	k.setDuring(nil)
	k.wantObject("d/a", "theirs")
	k.wantObject("d/b", "content of d/b")
	k.wantNames("", "d/")
}

// Another writer makes what the listings do not have, where something is moved to.
func TestRenameOverNew(t *testing.T) {
	k := newKit(t, nil, "a", "d/a", "d/b")
	k.names("")
	k.replace("b", "theirs")
	k.replace("e/b", "theirs")
	root := k.lookup("").ID
	k.wantErr(k.v.Rename(k.ctx, root, "a", root, "b", true), fs.ErrExist)
	k.wantObject("b", "theirs")
	k.set(func(r Request, key string) fault {
		if r == RequestCopy && key == "d/b" {
			return fault{before: errFault}
		}
		return fault{}
	})
	k.wantErr(k.rename("d", "e"), syscall.ENOTEMPTY)
	k.wantErr(k.v.Rename(k.ctx, root, "d", root, "e", true), fs.ErrExist)
	k.wantObject("e/b", "theirs")
	k.wantNames("", "a b d/ e/")
}

// A file takes the name of one that is open and whose object is gone.
func TestRenameOverGone(t *testing.T) {
	k := newKit(t, func(c *Config) { c.ListTTL = 1 }, "a", "b")
	old := k.openFile("b", ro)
	k.must(k.inner.Delete(k.ctx, "b"))
	h := k.openFile("a", rw)
	k.must(k.rename("a", "b"))
	k.must(old.Close(k.ctx))
	k.writeAt(h, "longer than the old content", 0)
	if size := k.lookup("b").Size; size != 27 {
		t.Fatalf("size %d, want 27", size)
	}
	k.must(h.Close(k.ctx))
}

// Another writer replaces the copy before it is looked at: what is cached must not
// pass for the other's content, and what was copied is nowhere else.
func TestRenameOfReplacedCopy(t *testing.T) {
	for name, theirs := range map[string]string{"the same size": "theirs", "another size": "theirs, longer"} {
		for what, c := range map[string]struct{ from, to, at string }{
			"file":      {"d/a", "d/b", "d/b"},
			"directory": {"d", "e", "e/a"},
		} {
			t.Run(what+", "+name, func(t *testing.T) {
				k := newKit(t, nil, "d/")
				k.write("d/a", "source")
				h := k.openFile("d/a", ro)
				k.setDuring(func(r Request, key string) {
					if r == RequestAttributes && key == c.at {
						k.replace(key, theirs)
					}
				})
				k.wantErr(k.rename(c.from, c.to), syscall.ESTALE)
				k.setDuring(nil)
				k.wantContent(h, "source")
				k.must(h.Close(k.ctx))
				k.relist()
				k.wantFile("d/a", "source")
				k.wantFile(c.at, theirs)
			})
		}
	}
}

// A directory cannot be moved: what another writer put at its new place meanwhile is
// no copy, and stays.
func TestFailedRenameDeletesCopiesOnly(t *testing.T) {
	k := newKit(t, func(c *Config) { c.Requests = 1 }, "d/a", "d/b", "d/c")
	k.set(func(r Request, key string) fault {
		if r == RequestCopy && key == "d/b" {
			k.replace("e/c", "theirs")
			return fault{before: errFault}
		}
		return fault{}
	})
	k.wantErr(k.rename("d", "e"), syscall.EIO)
	k.heal()
	k.wantNoObject("e/a")
	k.wantObject("e/c", "theirs")
	k.wantNames("d", "a b c")
}
