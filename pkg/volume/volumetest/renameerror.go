package volumetest

import (
	"io/fs"
	"syscall"

	"github.com/directfs/runsc/pkg/volume"
)

// renameErrorChecks are what rename(2) refuses.
var renameErrorChecks = []check{
	{"rename/no-replace", rename, renameNoReplace},
	{"rename/a-missing-name", rename, renameMissing},
	{"rename/over-a-directory-that-is-not-empty", write | dirRename, renameOverNotEmpty},
	{"rename/into-itself", write | dirRename, renameInto},
	{"rename/a-file-over-a-directory", rename, renameFileOverDir},
	{"rename/a-directory-over-a-file", write | dirRename, renameDirOverFile},
}

// renameFails demands an error, and that both names stay what they are.
func (e *env) renameFails(oldName, newName string, noReplace bool, want ...error) {
	e.Helper()
	root := e.root()
	before := [2]volume.ID{e.lookup(root, oldName).ID, e.lookup(root, newName).ID}
	err := e.w().Rename(e.ctx, root, oldName, root, newName, noReplace)
	e.fails(err, "Rename of "+oldName+" to "+newName, want...)
	for i, name := range []string{oldName, newName} {
		a, err := e.v.Lookup(e.ctx, root, name)
		if err != nil || a.ID != before[i] {
			e.Errorf("after a Rename that failed, %s is %q, %v, want %q", name, a.ID, err, before[i])
		}
	}
}

func renameNoReplace(e *env) {
	root := e.root()
	e.create(root, "old", "old")
	a := e.create(root, "new", "new")
	e.renameFails("old", "new", true, fs.ErrExist)
	e.content(a.ID, "new")
}

func renameMissing(e *env) {
	root := e.root()
	a := e.create(root, "new", "new")
	err := e.w().Rename(e.ctx, root, "missing", root, "new", false)
	e.fails(err, "Rename of a missing name", fs.ErrNotExist)
	e.isFile(root, "new", a.ID, "new")
}

func renameOverNotEmpty(e *env) {
	root := e.root()
	e.mkdir(root, "old")
	dir := e.mkdir(root, "new")
	e.create(dir, "child", "")
	e.renameFails("old", "new", false, syscall.ENOTEMPTY, syscall.EEXIST)
	e.has(dir, "child")
}

// renameInto moves a directory into itself and below.
func renameInto(e *env) {
	root := e.root()
	dir := e.mkdir(root, "dir")
	sub := e.mkdir(dir, "sub")
	for _, to := range []volume.ID{dir, sub} {
		err := e.w().Rename(e.ctx, root, "dir", to, "new", false)
		e.fails(err, "Rename of a directory into itself", syscall.EINVAL)
	}
	e.has(root, "dir")
	e.has(dir, "sub")
	e.has(sub)
}

func renameFileOverDir(e *env) {
	root := e.root()
	e.create(root, "old", "")
	e.mkdir(root, "new")
	e.renameFails("old", "new", false, syscall.EISDIR)
}

func renameDirOverFile(e *env) {
	root := e.root()
	e.mkdir(root, "old")
	a := e.create(root, "new", "content")
	e.renameFails("old", "new", false, syscall.ENOTDIR)
	e.content(a.ID, "content")
}
