package volumetest

import (
	"io/fs"
	"syscall"
	"time"

	"github.com/directfs/runsc/pkg/volume"
)

// unsupported is a call for each feature.
var unsupported = map[Feature]func(e *env, file volume.ID) error{
	Permissions: func(e *env, file volume.ID) error {
		return e.w().SetAttr(e.ctx, file, volume.Change{Perm: new(fs.FileMode(0o601))})
	},
	Owners: func(e *env, file volume.ID) error {
		return e.w().SetAttr(e.ctx, file, volume.Change{UID: new(uint32(4321)), GID: new(uint32(4321))})
	},
	Times: func(e *env, file volume.ID) error {
		return e.w().SetAttr(e.ctx, file, volume.Change{ModTime: new(time.Unix(1_000_000_000, 0))})
	},
	FileRename: func(e *env, _ volume.ID) error {
		return e.w().Rename(e.ctx, e.root(), "file", e.root(), "new", false)
	},
	DirectoryRename: func(e *env, _ volume.ID) error {
		return e.w().Rename(e.ctx, e.root(), "dir", e.root(), "new", false)
	},
}

// setUnsupported demands of everything in Lacks that it fails, and that it
// changes nothing.
func setUnsupported(e *env) {
	root := e.root()
	a := e.create(root, "file", "content")
	dir := e.mkdir(root, "dir")
	before := e.stat(a.ID)
	for _, f := range e.b.Lacks {
		e.fails(unsupported[f](e, a.ID), string(f), syscall.ENOTSUP, syscall.EPERM)
		if after := e.stat(a.ID); !sameAttr(before, after) {
			e.Errorf("%s failed, and the file is %+v, want %+v as before", f, after, before)
		}
	}
	e.has(root, "dir", "file")
	if got := e.lookup(root, "dir").ID; got != dir {
		e.Errorf("the directory has the ID %q, want %q as before", got, dir)
	}
}
