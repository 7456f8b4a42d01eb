package volumetest

import "github.com/directfs/runsc/pkg/volume"

var renameChecks = []check{
	{"rename/a-file", rename, renameFile},
	{"rename/a-file-to-another-directory", rename, renameFileAway},
	{"rename/a-directory", write | dirRename, renameDir},
	{"rename/keeps-the-id", rename, renameID},
	{"rename/keeps-the-id-of-a-directory", write | dirRename, renameDirID},
	{"rename/replaces-a-file", rename, renameReplace},
	{"rename/replaces-an-empty-directory", write | dirRename, renameReplaceDir},
	{"rename/to-itself", rename, renameSelf},
	{"rename/between-names-of-one-file", rename | link, renameSameFile},
	{"rename/no-replace-of-a-free-name", rename, renameNoReplaceFree},
}

func renameFile(e *env) {
	root := e.root()
	a := e.create(root, "old", "content")
	e.rename(root, "old", root, "new")
	e.absent(root, "old")
	e.has(root, "new")
	e.content(a.ID, "content")
}

func renameFileAway(e *env) {
	root := e.root()
	from, to := e.mkdir(root, "from"), e.mkdir(root, "to")
	e.create(from, "file", "content")
	e.rename(from, "file", to, "file")
	e.has(from)
	e.has(to, "file")
	e.content(e.lookup(to, "file").ID, "content")
}

func renameDir(e *env) {
	root := e.root()
	to := e.mkdir(root, "to")
	sub := e.mkdir(e.mkdir(root, "dir"), "sub")
	a := e.create(sub, "file", "content")
	e.rename(root, "dir", to, "new")
	e.has(root, "to")
	dir := e.lookup(to, "new").ID
	e.has(dir, "sub")
	e.isFile(e.lookup(dir, "sub").ID, "file", a.ID, "content")
}

func renameID(e *env) {
	root := e.root()
	a := e.create(root, "old", "content")
	e.rename(root, "old", root, "new")
	if got := e.lookup(root, "new").ID; got != a.ID {
		e.Errorf("a renamed file has the ID %q, want %q as before", got, a.ID)
	}
	e.sameID(a.ID)
}

func renameDirID(e *env) {
	root := e.root()
	dir := e.mkdir(root, "old")
	a := e.create(dir, "file", "content")
	e.rename(root, "old", root, "new")
	if got := e.lookup(root, "new").ID; got != dir {
		e.Errorf("a renamed directory has the ID %q, want %q as before", got, dir)
	}
	e.sameID(dir)
	e.isFile(dir, "file", a.ID, "content")
}

// sameID demands that Stat of an ID returns that ID.
func (e *env) sameID(id volume.ID) {
	e.Helper()
	if got := e.stat(id).ID; got != id {
		e.Errorf("Stat of %q returned the ID %q", id, got)
	}
}

func renameReplace(e *env) {
	root := e.root()
	a := e.create(root, "old", "content")
	e.create(root, "new", "replaced and longer")
	e.rename(root, "old", root, "new")
	e.has(root, "new")
	e.isFile(root, "new", a.ID, "content")
}

func renameReplaceDir(e *env) {
	root := e.root()
	dir := e.mkdir(root, "old")
	e.create(dir, "child", "")
	e.mkdir(root, "new")
	e.rename(root, "old", root, "new")
	e.has(root, "new")
	if got := e.lookup(root, "new").ID; got != dir {
		e.Errorf("the directory has the ID %q, want that of the renamed one, %q", got, dir)
	}
	e.has(dir, "child")
}

func renameSelf(e *env) {
	root := e.root()
	a := e.create(root, "file", "content")
	e.rename(root, "file", root, "file")
	e.has(root, "file")
	e.isFile(root, "file", a.ID, "content")
}

// renameSameFile does nothing and succeeds: rename(2).
func renameSameFile(e *env) {
	root := e.root()
	a := e.create(root, "a", "content")
	e.link(a.ID, root, "b")
	e.rename(root, "a", root, "b")
	e.has(root, "a", "b")
	e.isFile(root, "a", a.ID, "content")
}

func renameNoReplaceFree(e *env) {
	root := e.root()
	a := e.create(root, "old", "content")
	e.ok(e.w().Rename(e.ctx, root, "old", root, "new", true), "Rename with noReplace to a free name")
	e.has(root, "new")
	e.isFile(root, "new", a.ID, "content")
}
