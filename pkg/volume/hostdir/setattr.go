package hostdir

import (
	"context"
	"errors"
	"io/fs"
	"time"

	"golang.org/x/sys/unix"

	"github.com/directfs/runsc/pkg/volume"
)

// SetAttr implements volume.Writable. What can be undone comes first: if the
// size, which cannot, is refused, everything is as it was.
func (v *Volume) SetAttr(_ context.Context, id volume.ID, c volume.Change) error {
	v.names.RLock()
	defer v.names.RUnlock()
	return v.withFile(id, c.Size != nil, func(t target) error {
		if err := v.permitted(t.old.Mode, c); err != nil {
			return err
		}
		// A change of owner, and of size, takes setuid away: see chown(2).
		if c.Perm == nil && t.old.Mode&(fs.ModeSetuid|fs.ModeSetgid) != 0 {
			perm := t.old.Mode & permBits
			c.Perm = &perm
		}
		err := v.apply(t, c)
		if err == nil && c.Size != nil {
			if err = unix.Ftruncate(t.fd, *c.Size); err == nil {
				c.UID, c.GID = nil, nil
				return v.apply(t, c)
			}
		}
		if err != nil {
			v.undo(t, c)
		}
		return err
	})
}

// target is the file whose attributes change.
type target struct {
	fd  int // O_PATH, or open for writing if the size changes
	old volume.Attr
}

// withFile calls f with the file, also if it was removed and is still open.
func (v *Volume) withFile(id volume.ID, write bool, f func(t target) error) error {
	fd, err := v.openToChange(id, write)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	old, err := v.identify(fd)
	if err != nil {
		return err
	}
	return f(target{fd, old})
}

func (v *Volume) openToChange(id volume.ID, write bool) (int, error) {
	if write {
		fd, _, err := v.openRegular(id, unix.O_WRONLY)
		return fd, err
	}
	f, err := v.find(id)
	if errors.Is(err, fs.ErrNotExist) {
		fd, _, err := v.openAgain(id, anyAccess, err)
		return fd, err
	}
	return f.fd, err
}

func (v *Volume) permitted(old fs.FileMode, c volume.Change) error {
	o := v.o.Squash
	if o != nil && (c.UID != nil && *c.UID != o.UID || c.GID != nil && *c.GID != o.GID) {
		return unix.EPERM
	}
	if c.Size != nil && *c.Size < 0 {
		return unix.EINVAL
	}
	if c.Perm != nil && !old.IsDir() {
		return v.grantable(*c.Perm)
	}
	return nil
}

// grantable refuses permissions of a program that give away the rights of another
// owner than the one that the sandbox sees: those of the user who runs the volume,
// to whoever starts it on the host.
func (v *Volume) grantable(perm fs.FileMode) error {
	if v.o.Squash != nil && perm&(fs.ModeSetuid|fs.ModeSetgid) != 0 {
		return unix.EPERM
	}
	return nil
}

// apply changes everything but the size.
func (v *Volume) apply(t target, c volume.Change) error {
	if v.o.Squash == nil && (c.UID != nil || c.GID != nil) {
		if err := unix.Fchownat(t.fd, "", owner(c.UID), owner(c.GID), unix.AT_EMPTY_PATH); err != nil {
			return err
		}
	}
	if c.Perm != nil {
		if err := v.chmod(t, *c.Perm); err != nil {
			return err
		}
	}
	if c.AccessTime == nil && c.ModTime == nil {
		return nil
	}
	times := []unix.Timespec{timespec(c.AccessTime), timespec(c.ModTime)}
	return unix.UtimesNanoAt(t.fd, "", times, unix.AT_EMPTY_PATH)
}

// undo brings back what apply may have changed, as far as that is allowed.
func (v *Volume) undo(t target, c volume.Change) {
	back := volume.Change{}
	if c.UID != nil || c.GID != nil {
		back.UID, back.GID = &t.old.UID, &t.old.GID
	}
	if c.Perm != nil {
		perm := t.old.Mode & permBits
		back.Perm = &perm
	}
	if c.AccessTime != nil {
		back.AccessTime = &t.old.AccessTime
	}
	if c.ModTime != nil {
		back.ModTime = &t.old.ModTime
	}
	v.apply(t, back)
}

// chmod changes a file that is open in any way. Kernels before 6.6 cannot do it
// for one that is open with O_PATH: it must then be readable.
func (v *Volume) chmod(t target, m fs.FileMode) error {
	err := unix.Fchmod(t.fd, hostPerm(m))
	if err == unix.EBADF {
		err = unix.Fchmodat(t.fd, "", hostPerm(m), unix.AT_EMPTY_PATH)
	}
	if err != unix.EOPNOTSUPP || !t.old.Mode.IsRegular() && !t.old.Mode.IsDir() {
		return err
	}
	f, err := v.findAs(t.old.ID, unix.O_RDONLY|unix.O_NONBLOCK)
	if err != nil {
		return err
	}
	defer f.close()
	return unix.Fchmod(f.fd, hostPerm(m))
}

func owner(id *uint32) int {
	if id == nil {
		return -1
	}
	return int(*id)
}

func timespec(t *time.Time) unix.Timespec {
	if t == nil {
		return unix.Timespec{Nsec: unix.UTIME_OMIT}
	}
	return unix.Timespec{Sec: t.Unix(), Nsec: int64(t.Nanosecond())}
}
