package blob

import (
	"context"
	"fmt"
	"syscall"
	"time"

	"github.com/directfs/runsc/pkg/volume"
	"github.com/directfs/runsc/pkg/volume/blob/internal/ids"
)

// SetAttr implements volume.Writable. Objects have no owner and no permissions:
// those that the file has can be set, others are EPERM. Times are those of the
// upload, unless Config.KeepTimes is set; see the package's documentation.
func (v *writable) SetAttr(ctx context.Context, id volume.ID, c volume.Change) error {
	a, err := v.Stat(ctx, id)
	if err != nil {
		return err
	}
	if err := v.constant(a, c); err != nil {
		return err
	}
	sets := c.ModTime != nil && !c.ModTime.Equal(a.ModTime)
	switch {
	case c.Size == nil && !sets && (c.AccessTime == nil || c.ModTime != nil):
		return nil
	case a.Mode.IsDir() && c.Size != nil:
		return syscall.EISDIR
	case a.Mode.IsDir():
		return fmt.Errorf("a directory of an object store keeps no times: %w", syscall.EPERM)
	case c.AccessTime != nil && c.ModTime == nil && c.Size == nil:
		return fmt.Errorf("an object keeps no access time: %w", syscall.EPERM)
	case sets && !v.c.KeepTimes && !isNow(*c.ModTime):
		return fmt.Errorf("the time of an object is that of its upload: %w", syscall.EPERM)
	}
	return v.setContent(ctx, id, c)
}

// isNow reports whether a time is that of an upload that is made now.
func isNow(t time.Time) bool { return time.Since(t).Abs() < 2*time.Second }

// constant is EPERM for a change of what all files have in common.
func (v *writable) constant(a volume.Attr, c volume.Change) error {
	switch {
	case c.Perm != nil && *c.Perm != a.Mode.Perm():
		return fmt.Errorf("all files have mode %v: %w", a.Mode.Perm(), syscall.EPERM)
	case c.UID != nil && *c.UID != a.UID || c.GID != nil && *c.GID != a.GID:
		return fmt.Errorf("all files belong to %d:%d: %w", a.UID, a.GID, syscall.EPERM)
	}
	return nil
}

// setContent sets size and time. A file that nobody has open for writing is
// uploaded at once, because nobody will ask for that.
func (v *writable) setContent(ctx context.Context, id volume.ID, c volume.Change) error {
	if kind, _, ok := v.ids.Key(string(id)); ok && kind != ids.File {
		return syscall.EISDIR
	}
	in, err := v.use(ctx, id)
	if err != nil {
		return err
	}
	if c.Size != nil {
		err = in.truncate(ctx, *c.Size)
	}
	if err == nil && c.ModTime != nil {
		err = in.setTime(ctx, *c.ModTime)
	}
	if err == nil && v.unwritten(in) {
		err = in.sync(ctx)
	}
	if cerr := in.release(ctx); err == nil {
		err = cerr
	}
	return err
}

// unwritten reports whether no handle will ask for an upload.
func (v *tree) unwritten(in *inode) bool {
	v.mu.Lock()
	defer v.mu.Unlock()
	return in.writers == 0
}

// setTime makes the next upload keep a time, or be made at it, which is now.
func (in *inode) setTime(ctx context.Context, t time.Time) error {
	if size := in.attr().Size; !in.localNow() && size > in.v.c.CacheObjectBytes {
		return fmt.Errorf("a new time needs a new upload of %d bytes: %w", size, syscall.EPERM)
	}
	if err := in.stage(ctx, false); err != nil {
		return err
	}
	in.mu.Lock()
	defer in.mu.Unlock()
	if err := in.changing(); err != nil {
		return err
	}
	in.mod = t
	return nil
}
