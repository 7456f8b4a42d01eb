package volumetest

import (
	"bytes"
	"context"
	"errors"
	"io/fs"
	"path"

	"github.com/directfs/runsc/pkg/volume"
)

// copiesLink makes a file with the same content instead of a link.
func copiesLink(f *faulty) {
	f.link = func(ctx context.Context, id, dir volume.ID, name string) (volume.Attr, error) {
		h, err := f.Volume.Open(ctx, id, reading)
		if err != nil {
			return volume.Attr{}, err
		}
		data := make([]byte, 100)
		n, _ := h.ReadAt(ctx, data, 0)
		a, w, err := f.Volume.Create(ctx, dir, name, newFile, writing)
		if err != nil {
			return a, errors.Join(err, h.Close(ctx))
		}
		_, err = w.WriteAt(ctx, data[:n], 0)
		return a, errors.Join(err, w.Close(ctx), h.Close(ctx))
	}
}

var linkFaults = []fault{
	{"symlink/target", "is cleaned", func(f *faulty) {
		f.symlink = func(ctx context.Context, dir volume.ID, name, target string, n volume.NewFile) (volume.Attr, error) {
			return f.Volume.Symlink(ctx, dir, name, path.Clean(target), n)
		}
	}},
	{"symlink/existing-name", "succeeds", func(f *faulty) {
		f.symlink = func(ctx context.Context, dir volume.ID, name, target string, n volume.NewFile) (volume.Attr, error) {
			return orExisting(f, dir, name)(f.Volume.Symlink(ctx, dir, name, target, n))
		}
	}},
	{"symlink/is-removed-itself", "its target is", func(f *faulty) {
		f.removing(func(ctx context.Context, dir volume.ID, name string, directory bool, a volume.Attr) error {
			if target, err := f.Volume.ReadLink(ctx, a.ID); err == nil {
				f.removeAll(ctx, dir, target)
			}
			return f.Volume.Remove(ctx, dir, name, directory)
		})
	}},
	{"link/shares-the-id", "copies", copiesLink},
	{"link/shares-the-content", "copies", copiesLink},
	{"link/existing-name", "succeeds", func(f *faulty) {
		f.link = func(ctx context.Context, id, dir volume.ID, name string) (volume.Attr, error) {
			return orExisting(f, dir, name)(f.Volume.Link(ctx, id, dir, name))
		}
	}},
	{"link/counts", "one", func(f *faulty) {
		f.stat = func(ctx context.Context, id volume.ID) (volume.Attr, error) {
			a, err := f.Volume.Stat(ctx, id)
			a.Links = 1
			return a, err
		}
	}},
	{"link/of-a-directory", "succeeds", func(f *faulty) {
		f.link = func(ctx context.Context, id, _ volume.ID, _ string) (volume.Attr, error) {
			return f.Volume.Stat(ctx, id)
		}
	}},
}

var xattrFaults = []fault{
	{"xattr/value", "ends at a zero byte", func(f *faulty) {
		f.setXattr = func(ctx context.Context, id volume.ID, name string, value []byte, create, replace bool) error {
			value, _, _ = bytes.Cut(value, []byte{0})
			return f.Volume.SetXattr(ctx, id, name, value, create, replace)
		}
	}},
	{"xattr/value", "an empty one removes", func(f *faulty) {
		f.setXattr = func(ctx context.Context, id volume.ID, name string, value []byte, create, replace bool) error {
			if len(value) == 0 {
				return f.Volume.RemoveXattr(ctx, id, name)
			}
			return f.Volume.SetXattr(ctx, id, name, value, create, replace)
		}
	}},
	{"xattr/list", "the first only", func(f *faulty) {
		f.listXattr = func(ctx context.Context, id volume.ID) ([]string, error) {
			names, err := f.Volume.ListXattr(ctx, id)
			return names[:min(1, len(names))], err
		}
	}},
	{"xattr/create-only", "is ignored", func(f *faulty) {
		f.setXattr = func(ctx context.Context, id volume.ID, name string, value []byte, _, replace bool) error {
			return f.Volume.SetXattr(ctx, id, name, value, false, replace)
		}
	}},
	{"xattr/replace-only", "is ignored", func(f *faulty) {
		f.setXattr = func(ctx context.Context, id volume.ID, name string, value []byte, create, _ bool) error {
			return f.Volume.SetXattr(ctx, id, name, value, create, false)
		}
	}},
	{"xattr/remove", "of what is missing succeeds", func(f *faulty) {
		f.removeXattr = func(ctx context.Context, id volume.ID, name string) error {
			f.Volume.RemoveXattr(ctx, id, name)
			return nil
		}
	}},
	{"xattr/missing", "another error", func(f *faulty) {
		f.getXattr = func(ctx context.Context, id volume.ID, name string) ([]byte, error) {
			value, err := f.Volume.GetXattr(ctx, id, name)
			if err != nil {
				err = fs.ErrNotExist
			}
			return value, err
		}
	}},
	{"xattr/missing", "is empty", func(f *faulty) {
		f.getXattr = func(ctx context.Context, id volume.ID, name string) ([]byte, error) {
			value, _ := f.Volume.GetXattr(ctx, id, name)
			return value, nil
		}
	}},
}

// allocating replaces Allocate.
func (f *faulty) allocating(allocate func(h *faultyHandle, ctx context.Context, off, length int64, keepSize bool) error) {
	f.handle = func(h *faultyHandle) {
		h.allocate = func(ctx context.Context, off, length int64, keepSize bool) error {
			return allocate(h, ctx, off, length, keepSize)
		}
	}
}

var spaceFaults = []fault{
	{"allocate/extends-with-zeros", "nothing happens", func(f *faulty) {
		f.allocating(func(*faultyHandle, context.Context, int64, int64, bool) error { return nil })
	}},
	{"allocate/keeps-the-size", "extends", func(f *faulty) {
		f.allocating(func(h *faultyHandle, ctx context.Context, off, length int64, _ bool) error {
			return h.handleOf.Allocate(ctx, off, length, false)
		})
	}},
	{"allocate/keeps-the-content", "zeros the range", func(f *faulty) {
		f.allocating(func(h *faultyHandle, ctx context.Context, off, length int64, _ bool) error {
			_, err := h.handleOf.WriteAt(ctx, make([]byte, length), off)
			return err
		})
	}},
	{"allocate/keeps-the-content", "sets the size", func(f *faulty) {
		f.allocating(func(h *faultyHandle, ctx context.Context, off, length int64, _ bool) error {
			return f.Volume.SetAttr(ctx, h.id, volume.Change{Size: new(off + length)})
		})
	}},
	{"usage/free-is-part-of-all", "more is free", func(f *faulty) {
		f.usage = func(context.Context) (volume.Usage, error) {
			return volume.Usage{Bytes: 10, FreeBytes: 11}, nil
		}
	}},
}
