package volume_test

import (
	"io/fs"
	"time"

	"github.com/directfs/runsc/pkg/volume"
)

// steps calls functions until one fails.
type steps struct{ err error }

func (s *steps) do(err error) {
	if s.err == nil {
		s.err = err
	}
}

// exerciseWritable makes every call that a volume has that can be written.
func exerciseWritable(v volume.Writable, root volume.ID) error {
	var s steps
	nf := volume.NewFile{Perm: 0o755}
	both := volume.OpenHow{Read: true, Write: true}
	dir, err := v.Mkdir(ctx, root, "new", nf)
	s.do(err)
	file, h, err := v.Create(ctx, dir.ID, "file", nf, both)
	if s.do(err); s.err != nil {
		return s.err
	}
	s.exerciseHandle(h)
	perm, id, size, now := fs.FileMode(0o644), uint32(7), int64(3), time.Unix(1, 0)
	for _, c := range []volume.Change{{Perm: &perm}, {UID: &id, GID: &id}, {Size: &size}, {ModTime: &now, AccessTime: &now}} {
		s.do(v.SetAttr(ctx, file.ID, c))
	}
	_, err = v.(volume.Symlinker).Symlink(ctx, dir.ID, "link", "target", nf)
	s.do(err)
	_, err = v.(volume.Linker).Link(ctx, file.ID, dir.ID, "hard")
	s.do(err)
	s.exerciseXattrs(v.(volume.XattrWriter), file.ID)
	s.exerciseXattrs(v.(volume.XattrWriter), dir.ID)
	_, err = v.(volume.UsageReporter).Usage(ctx)
	s.do(err)
	s.do(v.Rename(ctx, dir.ID, "hard", root, "moved", true))
	s.do(v.Remove(ctx, dir.ID, "link", false))
	s.do(v.Remove(ctx, dir.ID, "file", false))
	s.do(v.Remove(ctx, root, "moved", false))
	s.do(v.Remove(ctx, root, "new", true))
	_, err = v.Stat(ctx, file.ID)
	s.do(err)
	s.do(v.SetAttr(ctx, file.ID, volume.Change{Size: &size}))
	s.do(h.Close(ctx))
	return s.err
}

func (s *steps) exerciseHandle(h volume.WritableHandle) {
	_, err := h.WriteAt(ctx, []byte("content"), 0)
	s.do(err)
	_, err = h.ReadAt(ctx, make([]byte, 7), 0)
	s.do(err)
	s.do(h.(volume.Allocator).Allocate(ctx, 0, 4096, true))
	h.(volume.FileDonor).HostFile()
	s.do(h.Flush(ctx))
	s.do(h.Sync(ctx))
}

func (s *steps) exerciseXattrs(v volume.XattrWriter, id volume.ID) {
	s.do(v.SetXattr(ctx, id, "user.x", []byte("1"), false, false))
	_, err := v.GetXattr(ctx, id, "user.x")
	s.do(err)
	_, err = v.ListXattr(ctx, id)
	s.do(err)
	s.do(v.RemoveXattr(ctx, id, "user.x"))
}
