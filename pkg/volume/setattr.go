package volume

import (
	"context"
	"math"
	"time"

	"golang.org/x/sys/unix"
	"gvisor.dev/gvisor/pkg/abi/linux"
	"gvisor.dev/gvisor/pkg/lisafs"
)

// SetStat implements lisafs.ControlFDImpl. All of it is one call to the volume,
// so if it fails all of it failed.
func (fd *controlFD) SetStat(req lisafs.SetStatReq) (uint32, error) {
	c, err := toChange(req, fd.FileType())
	if err == nil && c != (Change{}) {
		_, err = call(fd.m, op{"set attributes", fd.node.id, ""}, func(ctx context.Context) (struct{}, error) {
			return struct{}{}, fd.m.writable.SetAttr(ctx, fd.node.id, c)
		}, nil)
	}
	if err != nil {
		return req.Mask, err
	}
	return 0, nil
}

// toChange translates a request, whose mask the engine has checked.
func toChange(req lisafs.SetStatReq, kind linux.FileMode) (Change, error) {
	var c Change
	if req.Mask&unix.STATX_MODE != 0 {
		if kind == linux.S_IFLNK {
			return c, unix.EOPNOTSUPP // as Linux does, fs/attr.c, notify_change
		}
		perm := fromMode(uint16(req.Mode))
		c.Perm = &perm
	}
	if req.Mask&unix.STATX_SIZE != 0 {
		size, err := toSize(req.Size, kind)
		if err != nil {
			return c, err
		}
		c.Size = &size
	}
	// chown(2): -1 leaves the owner or the group as it is.
	if req.Mask&unix.STATX_UID != 0 && req.UID.Ok() {
		c.UID = (*uint32)(&req.UID)
	}
	if req.Mask&unix.STATX_GID != 0 && req.GID.Ok() {
		c.GID = (*uint32)(&req.GID)
	}
	var err error
	if req.Mask&unix.STATX_ATIME != 0 {
		if c.AccessTime, err = toTime(req.Atime); err != nil {
			return c, err
		}
	}
	if req.Mask&unix.STATX_MTIME != 0 {
		c.ModTime, err = toTime(req.Mtime)
	}
	return c, err
}

func toSize(size uint64, kind linux.FileMode) (int64, error) {
	switch {
	case kind == linux.S_IFDIR:
		return 0, unix.EISDIR
	case kind != linux.S_IFREG, size > math.MaxInt64:
		return 0, unix.EINVAL
	}
	return int64(size), nil
}

// toTime returns nil for a time that stays: utimensat(2). The sentry sends
// UTIME_NOW where it does not keep the times itself, with a shared cache.
func toTime(t linux.Timespec) (*time.Time, error) {
	var v time.Time
	switch {
	case t.Nsec == linux.UTIME_OMIT:
		return nil, nil
	case t.Nsec == linux.UTIME_NOW:
		v = time.Now()
	case t.Nsec < 0 || t.Nsec >= int64(time.Second):
		return nil, unix.EINVAL
	default:
		v = time.Unix(t.Sec, t.Nsec)
	}
	return &v, nil
}
