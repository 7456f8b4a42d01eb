package blob

import (
	"io/fs"
	"syscall"
	"testing"
)

func TestRename(t *testing.T) {
	k := newKit(t, nil, "a", "b", "d/x", "e/y", "empty/")
	k.wantErr(k.rename("none", "c"), fs.ErrNotExist)
	k.wantErr(k.rename("a", "d"), syscall.EISDIR)
	k.wantErr(k.rename("d", "a"), syscall.ENOTDIR)
	k.wantErr(k.rename("d", "e"), syscall.ENOTEMPTY)
	k.wantErr(k.rename("d", "d/sub"), syscall.EINVAL)
	root := k.lookup("").ID
	k.wantErr(k.v.Rename(k.ctx, root, "a", root, "b", true), fs.ErrExist)
	k.must(k.rename("a", "a"))
	k.must(k.rename("d", "d"))
	k.wantObject("d/x", "content of d/x")
	id := k.lookup("a").ID
	k.must(k.rename("a", "b"))
	k.wantNoObject("a")
	k.wantObject("b", "content of a")
	if got := k.lookup("b").ID; got != id {
		t.Fatalf("%s became %s", id, got)
	}
	k.put("a", "new")
	if got := k.lookup("a").ID; got == id {
		t.Fatal("an identity is used twice")
	}
	dir, file := k.lookup("d").ID, k.lookup("d/x").ID
	k.must(k.rename("d", "empty"))
	if k.lookup("empty").ID != dir || k.lookup("empty/x").ID != file {
		t.Fatal("the identities changed")
	}
	k.relist()
	k.wantNames("", "a b e/ empty/")
	k.wantFile("empty/x", "content of d/x")
}

// A file that is renamed before it was uploaded.
func TestRenameStaged(t *testing.T) {
	k := newKit(t, nil, "old")
	reader := k.openFile("old", ro)
	h := k.create("tmp")
	k.writeAt(h, "new", 0)
	k.must(k.rename("tmp", "old"))
	k.wantObject("old", "new")
	k.wantNoObject("tmp")
	k.writeAt(h, "er", 1)
	k.must(h.Flush(k.ctx))
	k.wantObject("old", "ner")
	k.must(h.Close(k.ctx))
	k.wantContent(reader, "content of old")
	k.must(reader.Close(k.ctx))
	k.wantFile("old", "ner")
	k.wantNames("", "old")
}

func TestRenameDirectory(t *testing.T) {
	k := newKit(t, func(c *Config) { c.RenameObjects = 5 }, "d/", "d/a", "d/s/b", "big/1", "big/2", "big/3", "big/4", "big/5", "big/6")
	k.wantErr(k.rename("big", "b"), syscall.EXDEV)
	h := k.create("d/new")
	k.writeAt(h, "x", 0)
	k.set(func(r Request, key string) fault {
		if r == RequestCopy && key == "d/s/b" {
			return fault{before: errFault}
		}
		return fault{}
	})
	k.wantErr(k.rename("d", "e"), syscall.EIO)
	k.heal()
	k.relist()
	k.wantNames("", "big/ d/")
	k.must(k.rename("d", "e"))
	k.relist()
	k.wantNames("", "big/ e/")
	k.wantNames("e", "a new s/")
	k.writeAt(h, "yz", 0)
	k.must(h.Flush(k.ctx))
	k.wantObject("e/new", "yz")
	k.must(h.Close(k.ctx))
}

func TestRenameThatCannotDelete(t *testing.T) {
	k := newKit(t, nil, "a")
	h := k.openFile("a", rw)
	k.failOn(RequestDelete, fault{before: errFault})
	k.wantErr(k.rename("a", "b"), syscall.EIO)
	k.heal()
	k.wantNames("", "a b")
	k.writeAt(h, "X", 0)
	k.must(h.Flush(k.ctx))
	k.wantObject("b", "Xontent of a")
	k.wantObject("a", "content of a")
	k.must(h.Close(k.ctx))
}
