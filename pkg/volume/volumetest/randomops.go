package volumetest

import (
	"io/fs"

	"github.com/directfs/runsc/pkg/volume"
	"pgregory.net/rapid"
)

// Few names, so that they meet.
var names = rapid.SampledFrom([]string{"a", "b", "c"})

// place draws a directory and a name in it, which may be there.
func (r *random) place(t *rapid.T, label string) (*model, string) {
	dir := rapid.SampledFrom(r.tree.dirs()).Draw(t, label+"dir")
	return dir, names.Draw(t, label+"name")
}

// file draws a regular file, or gives up the step where there is none.
func (r *random) file(t *rapid.T) *model {
	files := r.tree.files()
	if len(files) == 0 {
		t.Skip("no file yet")
	}
	return rapid.SampledFrom(files).Draw(t, "file")
}

func (r *random) made(dir *model, name string, a volume.Attr, m *model) {
	m.id = a.ID
	dir.put(name, m)
}

func (r *random) create(t *rapid.T) {
	dir, name := r.place(t, "")
	a, h, err := r.env.w().Create(r.env.ctx, dir.id, name, newFile, both)
	if r.agrees(err, "Create", dir.newNameErrors(name)) {
		r.env.ok(h.Close(r.env.ctx), "Close")
		r.made(dir, name, a, newModel(0, ""))
	}
}

func (r *random) mkdir(t *rapid.T) {
	dir, name := r.place(t, "")
	a, err := r.env.w().Mkdir(r.env.ctx, dir.id, name, newFolder)
	if r.agrees(err, "Mkdir", dir.newNameErrors(name)) {
		r.made(dir, name, a, newModel(fs.ModeDir, ""))
	}
}

func (r *random) symlink(t *rapid.T) {
	dir, name := r.place(t, "")
	target := rapid.StringMatching(`[a-c/.]{1,10}`).Draw(t, "target")
	a, err := r.env.v.(volume.Symlinker).Symlink(r.env.ctx, dir.id, name, target, newFile)
	if r.agrees(err, "Symlink", dir.newNameErrors(name)) {
		r.made(dir, name, a, newModel(fs.ModeSymlink, target))
	}
}

func (r *random) link(t *rapid.T) {
	f := r.file(t)
	dir, name := r.place(t, "")
	a, err := r.env.v.(volume.Linker).Link(r.env.ctx, f.id, dir.id, name)
	if r.agrees(err, "Link", dir.newNameErrors(name)) {
		r.made(dir, name, a, f)
	}
}

func (r *random) remove(t *rapid.T) {
	dir, name := r.place(t, "")
	directory := rapid.Bool().Draw(t, "directory")
	err := r.env.w().Remove(r.env.ctx, dir.id, name, directory)
	if r.agrees(err, "Remove", dir.removeErrors(name, directory)) {
		delete(dir.names, name)
	}
}

func (r *random) rename(t *rapid.T) {
	from, oldName := r.place(t, "old ")
	to, newName := r.place(t, "new ")
	noReplace := rapid.Bool().Draw(t, "noReplace")
	err := r.env.w().Rename(r.env.ctx, from.id, oldName, to.id, newName, noReplace)
	if r.agrees(err, "Rename", from.renameErrors(oldName, to, newName, noReplace)) {
		from.rename(oldName, to, newName)
	}
}

func (r *random) write(t *rapid.T) {
	f := r.file(t)
	s := rapid.StringMatching(`[a-z]{1,8}`).Draw(t, "content")
	off := rapid.IntRange(0, 12).Draw(t, "offset")
	h, err := r.env.v.Open(r.env.ctx, f.id, both)
	r.env.ok(err, "Open")
	defer h.Close(r.env.ctx)
	r.env.write(h.(volume.WritableHandle), s, int64(off))
	f.write(s, off)
}

func (r *random) truncate(t *rapid.T) {
	f := r.file(t)
	size := rapid.IntRange(0, 20).Draw(t, "size")
	r.env.setAttr(f.id, volume.Change{Size: new(int64(size))})
	f.truncate(size)
}
