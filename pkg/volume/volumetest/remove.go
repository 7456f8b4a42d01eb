package volumetest

import (
	"io/fs"
	"syscall"

	"github.com/directfs/runsc/pkg/volume"
)

var removeChecks = []check{
	{"remove/a-file", write, removeFile},
	{"remove/an-empty-directory", write, removeDir},
	{"remove/a-directory-that-is-not-empty", write, removeNotEmpty},
	{"remove/a-file-as-a-directory", write, removeFileAsDir},
	{"remove/a-directory-as-a-file", write, removeDirAsFile},
	{"remove/a-missing-name", write, removeMissing},
}

func removeFile(e *env) {
	root := e.root()
	e.create(root, "file", "content")
	other := e.create(root, "other", "other")
	e.remove(root, "file")
	e.absent(root, "file")
	e.has(root, "other")
	e.isFile(root, "other", other.ID, "other")
}

func removeDir(e *env) {
	root := e.root()
	dir := e.mkdir(root, "dir")
	e.create(dir, "child", "")
	e.remove(dir, "child")
	e.ok(e.w().Remove(e.ctx, root, "dir", true), "Remove of a directory")
	e.absent(root, "dir")
	e.has(root)
}

// removeFails demands that Remove fails and that the name stays.
func (e *env) removeFails(dir volume.ID, name string, directory bool, want error) {
	e.Helper()
	before := e.lookup(dir, name)
	e.fails(e.w().Remove(e.ctx, dir, name, directory), "Remove of "+name, want)
	if after := e.lookup(dir, name); after.ID != before.ID {
		e.Errorf("%s has the ID %q, want %q as before", name, after.ID, before.ID)
	}
}

func removeNotEmpty(e *env) {
	root := e.root()
	dir := e.mkdir(root, "dir")
	e.mkdir(dir, "child")
	e.removeFails(root, "dir", true, syscall.ENOTEMPTY)
	e.has(dir, "child")
}

func removeFileAsDir(e *env) {
	root := e.root()
	e.create(root, "file", "")
	e.removeFails(root, "file", true, syscall.ENOTDIR)
}

func removeDirAsFile(e *env) {
	root := e.root()
	e.mkdir(root, "dir")
	e.removeFails(root, "dir", false, syscall.EISDIR)
}

func removeMissing(e *env) {
	root := e.root()
	e.fails(e.w().Remove(e.ctx, root, "missing", false), "Remove of a missing file", fs.ErrNotExist)
	e.fails(e.w().Remove(e.ctx, root, "missing", true), "Remove of a missing directory", fs.ErrNotExist)
}
