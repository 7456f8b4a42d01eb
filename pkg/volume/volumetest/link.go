package volumetest

import (
	"io/fs"
	"strings"

	"github.com/directfs/runsc/pkg/volume"
)

var linkChecks = []check{
	{"symlink/target", write | symlink, symlinkTarget},
	{"symlink/existing-name", write | symlink, symlinkExisting},
	{"symlink/is-removed-itself", write | symlink, symlinkRemove},
	{"link/shares-the-id", write | link, linkID},
	{"link/shares-the-content", write | link, linkContent},
	{"link/existing-name", write | link, linkExisting},
	{"link/counts", write | link, linkCount},
	{"link/of-a-directory", write | link, linkDir},
}

// symlinkTarget makes links to anything: targets are not resolved.
func symlinkTarget(e *env) {
	root := e.root()
	for i, target := range []string{"file", "../../up", "/absolute", "a//b/./c/", "no such", "ä", strings.Repeat("x/", 500) + "x"} {
		name := string(rune('a' + i))
		a := e.symlink(root, name, target)
		if got := e.readLink(a.ID); got != target {
			e.Errorf("ReadLink returned %q, want %q", got, target)
		}
		for _, got := range []volume.Attr{a, e.lookup(root, name)} {
			if got.Mode.Type() != fs.ModeSymlink || got.Size != int64(len(target)) {
				e.Errorf("the link to %q is %+v, want a symbolic link of the target's length", target, got)
			}
		}
	}
}

func symlinkExisting(e *env) {
	e.keepsExisting(func(root volume.ID, name string) error {
		_, err := e.v.(volume.Symlinker).Symlink(e.ctx, root, name, "target", newFile)
		return err
	})
}

func symlinkRemove(e *env) {
	root := e.root()
	a := e.create(root, "file", "content")
	dir := e.mkdir(root, "dir")
	e.symlink(root, "to-file", "file")
	e.symlink(root, "to-dir", "dir")
	e.remove(root, "to-file")
	e.remove(root, "to-dir")
	e.has(root, "dir", "file")
	e.isFile(root, "file", a.ID, "content")
	e.has(dir)
}

func linkID(e *env) {
	root := e.root()
	dir := e.mkdir(root, "dir")
	a := e.create(root, "file", "content")
	b := e.link(a.ID, dir, "other")
	if b.ID != a.ID {
		e.Errorf("Link returned the ID %q, want that of the file, %q", b.ID, a.ID)
	}
	e.isFile(dir, "other", a.ID, "content")
	e.isFile(root, "file", a.ID, "content")
	if l := e.list(dir, 10); len(l) != 1 || l[0].ID != a.ID {
		e.Errorf("ReadDir returned %v, want the ID %q", l, a.ID)
	}
}

// linkContent goes on with the second name when the first is gone.
func linkContent(e *env) {
	root := e.root()
	a := e.create(root, "file", "content")
	e.link(a.ID, root, "other")
	e.write(e.openToWrite(e.lookup(root, "other").ID, both), "CON", 0)
	e.content(e.lookup(root, "file").ID, "CONtent")
	e.remove(root, "file")
	e.isFile(root, "other", a.ID, "CONtent")
}

func linkExisting(e *env) {
	a := e.create(e.root(), "source", "source")
	e.keepsExisting(func(root volume.ID, name string) error {
		_, err := e.v.(volume.Linker).Link(e.ctx, a.ID, root, name)
		return err
	})
}

func linkCount(e *env) {
	root := e.root()
	a := e.create(root, "a", "")
	e.links(a.ID, 1)
	b := e.link(a.ID, root, "b")
	if b.Links != 2 {
		e.Errorf("Link returned %d links, want 2", b.Links)
	}
	e.link(a.ID, root, "c")
	e.links(a.ID, 3)
	e.remove(root, "a")
	e.links(a.ID, 2)
}

func (e *env) links(id volume.ID, want uint32) {
	e.Helper()
	if got := max(e.stat(id).Links, 1); got != want {
		e.Errorf("a file with %d names has %d links", want, got)
	}
}

func linkDir(e *env) {
	root := e.root()
	dir := e.mkdir(root, "dir")
	_, err := e.v.(volume.Linker).Link(e.ctx, dir, root, "other")
	e.fails(err, "Link of a directory")
	e.has(root, "dir")
}
