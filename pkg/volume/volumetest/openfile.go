package volumetest

import (
	"io/fs"

	"github.com/directfs/runsc/pkg/volume"
)

// openFileChecks are about a file that is open while its names change.
var openFileChecks = []check{
	{"open-file/goes-on-when-removed", write, openRemoved},
	{"open-file/stat-when-removed", write, openRemovedStat},
	{"open-file/goes-on-when-renamed", rename, openRenamed},
	{"open-file/goes-on-when-replaced", rename, openReplaced},
	{"open-file/goes-on-when-its-directory-is-renamed", write | dirRename, openDirRenamed},
	{"open-file/removed-name-is-free", write, openRemovedNameFree},
}

// goesOn demands that a handle reads and writes.
func (e *env) goesOn(h volume.WritableHandle, content string) {
	e.Helper()
	e.handleContent(h, content)
	e.write(h, "-more", int64(len(content)))
	e.handleContent(h, content+"-more")
	e.ok(h.Flush(e.ctx), "Flush")
}

func openRemoved(e *env) {
	root := e.root()
	a := e.create(root, "file", "content")
	h := e.openToWrite(a.ID, both)
	e.remove(root, "file")
	e.goesOn(h, "content")
	e.absent(root, "file")
	e.has(root)
}

func openRemovedStat(e *env) {
	root := e.root()
	a := e.create(root, "file", "content")
	h := e.openToWrite(a.ID, both)
	e.remove(root, "file")
	e.write(h, "!", 7)
	if got := e.stat(a.ID); got.ID != a.ID || got.Size != 8 || !got.Mode.IsRegular() {
		e.Errorf("Stat of a removed file that is open returned %+v, want the file, 8 bytes long", got)
	}
}

func openRenamed(e *env) {
	root := e.root()
	dir := e.mkdir(root, "dir")
	a := e.create(root, "old", "content")
	h := e.openToWrite(a.ID, both)
	e.rename(root, "old", dir, "new")
	e.goesOn(h, "content")
	e.isFile(dir, "new", a.ID, "content-more")
	e.size(a.ID, int64(len("content-more")))
}

// openReplaced writes to a file whose name another one has now.
func openReplaced(e *env) {
	root := e.root()
	replaced := e.create(root, "name", "replaced")
	h := e.openToWrite(replaced.ID, both)
	a := e.create(root, "other", "other")
	e.rename(root, "other", root, "name")
	e.goesOn(h, "replaced")
	e.isFile(root, "name", a.ID, "other")
	e.size(replaced.ID, int64(len("replaced-more")))
}

func openDirRenamed(e *env) {
	root := e.root()
	dir := e.mkdir(root, "old")
	a := e.create(dir, "file", "content")
	h := e.openToWrite(a.ID, both)
	e.rename(root, "old", root, "new")
	e.goesOn(h, "content")
	e.isFile(e.lookup(root, "new").ID, "file", a.ID, "content-more")
}

// openRemovedNameFree makes another file with the name of one that is open.
func openRemovedNameFree(e *env) {
	root := e.root()
	old := e.create(root, "name", "old")
	h := e.openToWrite(old.ID, both)
	e.remove(root, "name")
	a := e.create(root, "name", "new")
	if a.ID == old.ID {
		e.Errorf("two files have the ID %q", a.ID)
	}
	e.goesOn(h, "old")
	e.isFile(root, "name", a.ID, "new")
	if mode := e.lookup(root, "name").Mode; mode.Type() != fs.FileMode(0) {
		e.Errorf("the new file has mode %v", mode)
	}
}
