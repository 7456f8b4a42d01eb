package volumetest

import (
	"github.com/directfs/runsc/pkg/volume"
)

// create makes a file with content.
func (e *env) create(dir volume.ID, name, content string) volume.Attr {
	e.Helper()
	a, h := e.createOpen(dir, name)
	e.write(h, content, 0)
	e.ok(h.Flush(e.ctx), "Flush")
	a.Size = int64(len(content))
	return a
}

// createOpen makes an empty file. The handle is closed at the end of the check.
func (e *env) createOpen(dir volume.ID, name string) (volume.Attr, volume.WritableHandle) {
	e.Helper()
	a, h, err := e.w().Create(e.ctx, dir, name, newFile, both)
	e.ok(err, "Create of "+name)
	e.Cleanup(func() { h.Close(e.ctx) })
	return a, h
}

func (e *env) write(h volume.WritableHandle, s string, off int64) {
	e.Helper()
	n, err := h.WriteAt(e.ctx, []byte(s), off)
	e.ok(err, "WriteAt")
	if n != len(s) {
		e.Errorf("WriteAt returned %d without an error, want %d", n, len(s))
	}
}

func (e *env) mkdir(dir volume.ID, name string) volume.ID {
	e.Helper()
	a, err := e.w().Mkdir(e.ctx, dir, name, newFolder)
	e.ok(err, "Mkdir of "+name)
	return a.ID
}

func (e *env) symlink(dir volume.ID, name, target string) volume.Attr {
	e.Helper()
	a, err := e.v.(volume.Symlinker).Symlink(e.ctx, dir, name, target, volume.NewFile{Perm: 0o777})
	e.ok(err, "Symlink of "+name)
	return a
}

func (e *env) link(id, dir volume.ID, name string) volume.Attr {
	e.Helper()
	a, err := e.v.(volume.Linker).Link(e.ctx, id, dir, name)
	e.ok(err, "Link of "+name)
	return a
}

func (e *env) remove(dir volume.ID, name string) {
	e.Helper()
	e.ok(e.w().Remove(e.ctx, dir, name, false), "Remove of "+name)
}

func (e *env) rename(oldDir volume.ID, oldName string, newDir volume.ID, newName string) {
	e.Helper()
	e.ok(e.w().Rename(e.ctx, oldDir, oldName, newDir, newName, false), "Rename of "+oldName+" to "+newName)
}

func (e *env) setAttr(id volume.ID, c volume.Change) {
	e.Helper()
	e.ok(e.w().SetAttr(e.ctx, id, c), "SetAttr")
}

// isFile demands that a name is a file that has an ID and content.
func (e *env) isFile(dir volume.ID, name string, id volume.ID, content string) {
	e.Helper()
	if got := e.lookup(dir, name).ID; got != id {
		e.Errorf("%s has the ID %q, want that of the file, %q", name, got, id)
	}
	e.content(id, content)
}
