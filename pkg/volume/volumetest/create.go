package volumetest

import (
	"io/fs"
	"slices"

	"github.com/directfs/runsc/pkg/volume"
)

var createChecks = []check{
	{"create/an-empty-regular-file", write, createEmpty},
	{"create/its-handle-reads-and-writes", write, createHandle},
	{"create/is-found-at-once", write, createFound},
	{"create/permissions", write | permission, createPermissions},
	{"create/owner", write | owner, createOwner},
	{"create/existing-name", write, createExisting},
	{"create/ids-are-not-used-again", write, idsNotReused},
	{"mkdir/an-empty-directory", write, mkdirEmpty},
	{"mkdir/permissions-and-owner", write | permission | owner, mkdirAttr},
	{"mkdir/existing-name", write, mkdirExisting},
}

func createEmpty(e *env) {
	a, _ := e.createOpen(e.root(), "new")
	if !a.Mode.IsRegular() || a.Size != 0 || a.ID == "" {
		e.Errorf("Create returned %+v, want an empty regular file with an ID", a)
	}
	e.content(a.ID, "")
}

func createHandle(e *env) {
	_, h := e.createOpen(e.root(), "new")
	e.write(h, "content", 0)
	e.handleContent(h, "content")
}

// createFound looks for the name while the handle is still open.
func createFound(e *env) {
	root := e.root()
	a, _ := e.createOpen(root, "new")
	e.has(root, "new")
	if got := e.lookup(root, "new"); got.ID != a.ID || got.Mode != a.Mode {
		e.Errorf("Lookup returned %+v, Create %+v", got, a)
	}
}

func createPermissions(e *env) {
	for i, perm := range []fs.FileMode{0o600, 0o755, 0, 0o755 | fs.ModeSetuid, 0o755 | fs.ModeSetgid} {
		a, h, err := e.w().Create(e.ctx, e.root(), string(rune('a'+i)), volume.NewFile{Perm: perm}, both)
		e.ok(err, "Create")
		e.ok(h.Close(e.ctx), "Close")
		if got := e.stat(a.ID); a.Mode != perm || got.Mode != perm {
			e.Errorf("a file created with %v has mode %v, and %v later", perm, a.Mode, got.Mode)
		}
	}
}

func createOwner(e *env) {
	a, h, err := e.w().Create(e.ctx, e.root(), "new", volume.NewFile{Perm: 0o644, UID: 1234, GID: 567}, both)
	e.ok(err, "Create")
	e.ok(h.Close(e.ctx), "Close")
	e.owner(a, 1234, 567)
	e.owner(e.stat(a.ID), 1234, 567)
}

func (e *env) owner(a volume.Attr, uid, gid uint32) {
	e.Helper()
	if a.UID != uid || a.GID != gid {
		e.Errorf("the owner is %d:%d, want %d:%d", a.UID, a.GID, uid, gid)
	}
}

func createExisting(e *env) {
	e.keepsExisting(func(root volume.ID, name string) error {
		_, h, err := e.w().Create(e.ctx, root, name, newFile, both)
		if err == nil {
			h.Close(e.ctx)
		}
		return err
	})
}

func mkdirExisting(e *env) {
	e.keepsExisting(func(root volume.ID, name string) error {
		_, err := e.w().Mkdir(e.ctx, root, name, newFolder)
		return err
	})
}

// keepsExisting demands that a name that exists is fs.ErrExist, and that what
// has it stays as it is.
func (e *env) keepsExisting(make func(dir volume.ID, name string) error) {
	e.Helper()
	root := e.root()
	f := e.create(root, "file", "content")
	dir := e.mkdir(root, "dir")
	e.create(dir, "child", "")
	e.fails(make(root, "file"), "making a name that a file has", fs.ErrExist)
	e.fails(make(root, "dir"), "making a name that a directory has", fs.ErrExist)
	e.isFile(root, "file", f.ID, "content")
	if a := e.lookup(root, "dir"); a.ID != dir {
		e.Errorf("the directory has another ID: %q, want %q", a.ID, dir)
	}
	e.has(dir, "child")
}

func idsNotReused(e *env) {
	root := e.root()
	seen := map[volume.ID]bool{root: true}
	for i := range 20 {
		var id volume.ID
		if i%2 == 0 {
			id = e.create(root, "name", "").ID
		} else {
			id = e.mkdir(root, "name")
		}
		if seen[id] {
			e.Fatalf("file %d has the ID %q of an earlier one", i, id)
		}
		seen[id] = true
		e.ok(e.w().Remove(e.ctx, root, "name", i%2 == 1), "Remove")
	}
}

func mkdirEmpty(e *env) {
	root := e.root()
	a, err := e.w().Mkdir(e.ctx, root, "new", newFolder)
	e.ok(err, "Mkdir")
	if !a.Mode.IsDir() {
		e.Errorf("Mkdir returned mode %v, want a directory", a.Mode)
	}
	if got := e.lookup(root, "new"); got.ID != a.ID {
		e.Errorf("Lookup returned %q, Mkdir %q", got.ID, a.ID)
	}
	e.has(a.ID)
	child := e.create(a.ID, "child", "x")
	e.isFile(a.ID, "child", child.ID, "x")
	if names := e.names(root); !slices.Equal(names, []string{"new"}) {
		e.Errorf("the root has %q, want only the directory", names)
	}
}

func mkdirAttr(e *env) {
	perm := 0o711 | fs.ModeSticky
	a, err := e.w().Mkdir(e.ctx, e.root(), "new", volume.NewFile{Perm: perm, UID: 12, GID: 34})
	e.ok(err, "Mkdir")
	for _, got := range []volume.Attr{a, e.stat(a.ID)} {
		e.owner(got, 12, 34)
		if got.Mode != fs.ModeDir|perm {
			e.Errorf("a directory made with %v has mode %v", perm, got.Mode)
		}
	}
}
