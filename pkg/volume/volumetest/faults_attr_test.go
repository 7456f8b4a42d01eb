package volumetest

import (
	"context"
	"io/fs"
	"syscall"
	"time"

	"github.com/directfs/runsc/pkg/volume"
)

// changing replaces a change by another one.
func (f *faulty) changing(change func(a volume.Attr, c *volume.Change)) {
	f.setAttr = func(ctx context.Context, id volume.ID, c volume.Change) error {
		a, _ := f.Volume.Stat(ctx, id)
		change(a, &c)
		return f.Volume.SetAttr(ctx, id, c)
	}
}

// withoutSpecial is a permission without setuid and its like.
func withoutSpecial(perm *fs.FileMode) *fs.FileMode {
	if perm == nil {
		return nil
	}
	return new(perm.Perm())
}

var setAttrFaults = []fault{
	{"setattr/permissions", "without setuid", func(f *faulty) {
		f.changing(func(_ volume.Attr, c *volume.Change) { c.Perm = withoutSpecial(c.Perm) })
	}},
	{"setattr/owner", "group is ignored", func(f *faulty) {
		f.changing(func(_ volume.Attr, c *volume.Change) { c.GID = nil })
	}},
	{"setattr/size", "never extends", func(f *faulty) {
		f.changing(func(a volume.Attr, c *volume.Change) {
			if c.Size != nil && *c.Size > a.Size {
				c.Size = nil
			}
		})
	}},
	{"setattr/times", "now", func(f *faulty) {
		f.changing(func(_ volume.Attr, c *volume.Change) {
			if c.ModTime != nil {
				c.ModTime = new(time.Now())
			}
		})
	}},
	{"setattr/times", "both are one", func(f *faulty) {
		f.changing(func(_ volume.Attr, c *volume.Change) {
			if c.ModTime != nil {
				c.AccessTime = c.ModTime
			}
		})
	}},
	{"setattr/what-is-nil-stays", "owner is reset", func(f *faulty) {
		f.changing(func(_ volume.Attr, c *volume.Change) {
			if c.UID == nil {
				c.UID = new(uint32)
			}
		})
	}},
	{"setattr/what-is-nil-stays", "an empty change modifies", func(f *faulty) {
		f.changing(func(_ volume.Attr, c *volume.Change) {
			if c.ModTime == nil {
				c.ModTime = new(time.Now())
			}
		})
	}},
	{"setattr/of-a-directory", "is ignored", func(f *faulty) {
		f.changing(func(a volume.Attr, c *volume.Change) {
			if a.Mode.IsDir() {
				*c = volume.Change{}
			}
		})
	}},
	{"setattr/all-or-nothing", "one after the other", func(f *faulty) {
		f.setAttr = func(ctx context.Context, id volume.ID, c volume.Change) error {
			f.Volume.SetAttr(ctx, id, volume.Change{Perm: c.Perm})
			c.Perm = nil
			return f.Volume.SetAttr(ctx, id, c)
		}
	}},
	{"setattr/all-or-nothing", "what fails is left out", func(f *faulty) {
		f.changing(func(_ volume.Attr, c *volume.Change) { c.Size = nil })
	}},
	{"setattr/unsupported-is-an-error", "success that changes nothing", func(f *faulty) {
		f.setAttr = func(context.Context, volume.ID, volume.Change) error { return nil }
	}},
	{"setattr/unsupported-is-an-error", "another error", func(f *faulty) {
		f.rename = func(context.Context, volume.ID, string, volume.ID, string, bool) error { return syscall.EINVAL }
	}},
}

// refuseLacking lacks permissions and renames of directories.
func (f *faulty) refuseLacking() {
	f.setAttr = func(ctx context.Context, id volume.ID, c volume.Change) error {
		if c.Perm != nil {
			return syscall.ENOTSUP
		}
		return f.Volume.SetAttr(ctx, id, c)
	}
	f.renaming(func(m move, next func() error) error {
		if m.from.Mode.IsDir() {
			return syscall.EPERM
		}
		return next()
	})
}
