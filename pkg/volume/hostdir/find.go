package hostdir

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/directfs/runsc/pkg/volume"
)

// pathStep is how long a path may be that is given to the kernel at once.
const pathStep = unix.PathMax - 256

// found is an open file, with what it was found by.
type found struct {
	volume.Attr
	fd   int
	node *node
	at   place // zero for the root
}

func (f found) close() { unix.Close(f.fd) }

// find opens the file of an ID, with O_PATH. v.names is held.
func (v *Volume) find(id volume.ID) (found, error) {
	return v.findAs(id, unix.O_PATH)
}

// findDir is find for a directory.
func (v *Volume) findDir(id volume.ID) (found, error) {
	f, err := v.find(id)
	if err == nil && !f.Mode.IsDir() {
		f.close()
		return found{}, unix.ENOTDIR
	}
	return f, err
}

// findAs opens the file of an ID, by whichever of its names still leads to it.
func (v *Volume) findAs(id volume.ID, flags int) (found, error) {
	n, err := v.table.get(id)
	if err != nil {
		return found{}, err
	}
	for _, p := range v.table.paths(n) {
		fd, err := v.openBeneath(v.fd, p.path, flags)
		if errors.Is(err, unix.ENOENT) || errors.Is(err, unix.ENOTDIR) || errors.Is(err, unix.ELOOP) {
			v.table.lose(n, p.last)
			continue
		}
		if err != nil {
			return found{}, err
		}
		a, err := v.identify(fd)
		if err == nil && a.ID == id {
			return found{a, fd, n, p.last}, nil
		}
		unix.Close(fd)
		if err != nil {
			return found{}, err
		}
		v.table.lose(n, p.last)
	}
	return found{}, fmt.Errorf("no known name leads to the file: %w", fs.ErrNotExist)
}

// child opens what has a name in a directory, with O_PATH.
func (v *Volume) child(dir int, name string) (volume.Attr, int, error) {
	fd, err := v.openBeneath(dir, name, unix.O_PATH)
	if err != nil {
		return volume.Attr{}, -1, err
	}
	a, err := v.identify(fd)
	if err != nil {
		unix.Close(fd)
		return volume.Attr{}, -1, err
	}
	return a, fd, nil
}

// openBeneath opens a path below a directory, without following anything.
func (v *Volume) openBeneath(dir int, path string, flags int) (int, error) {
	if len(path) < pathStep {
		return v.openat(dir, path, flags, 0)
	}
	cut := strings.LastIndexByte(path[:pathStep], '/')
	mid, err := v.openat(dir, path[:cut], unix.O_PATH|unix.O_DIRECTORY, 0)
	if err != nil {
		return -1, err
	}
	defer unix.Close(mid)
	return v.openBeneath(mid, path[cut+1:], flags)
}

func (v *Volume) openat(dir int, path string, flags int, mode uint64) (int, error) {
	how := unix.OpenHow{
		Flags:   uint64(flags | unix.O_NOFOLLOW | unix.O_CLOEXEC),
		Mode:    mode,
		Resolve: unix.RESOLVE_BENEATH | unix.RESOLVE_NO_SYMLINKS | unix.RESOLVE_NO_MAGICLINKS,
	}
	if !v.o.CrossMounts {
		how.Resolve |= unix.RESOLVE_NO_XDEV
	}
	for {
		fd, err := unix.Openat2(dir, path, &how)
		if err != unix.EINTR {
			return fd, err
		}
	}
}

// identify returns the attributes of an open file.
func (v *Volume) identify(fd int) (volume.Attr, error) {
	var s unix.Statx_t
	if err := unix.Statx(fd, "", unix.AT_EMPTY_PATH|unix.AT_NO_AUTOMOUNT, unix.STATX_BASIC_STATS, &s); err != nil {
		return volume.Attr{}, err
	}
	h, _, err := unix.NameToHandleAt(fd, "", unix.AT_EMPTY_PATH)
	switch err {
	case nil:
		return v.attr(&s, volume.ID(h.Bytes())), nil
	case unix.EOPNOTSUPP, unix.EOVERFLOW, unix.ENOSYS:
		return v.attr(&s, volume.ID(binary.LittleEndian.AppendUint64(nil, s.Ino))), nil
	}
	return volume.Attr{}, err
}

func (v *Volume) attr(s *unix.Statx_t, inode volume.ID) volume.Attr {
	var device [10]byte
	binary.LittleEndian.PutUint32(device[0:], s.Dev_major)
	binary.LittleEndian.PutUint32(device[4:], s.Dev_minor)
	binary.LittleEndian.PutUint16(device[8:], s.Mode&unix.S_IFMT)
	a := volume.Attr{
		ID:    volume.ID(device[:]) + inode,
		Mode:  modeOf(uint32(s.Mode)),
		Size:  int64(s.Size),
		UID:   s.Uid,
		GID:   s.Gid,
		Links: s.Nlink,

		ModTime: timeOf(s.Mtime), AccessTime: timeOf(s.Atime), ChangeTime: timeOf(s.Ctime),
	}
	if o := v.o.Squash; o != nil {
		a.UID, a.GID = o.UID, o.GID
	}
	return a
}

func timeOf(t unix.StatxTimestamp) time.Time { return time.Unix(t.Sec, int64(t.Nsec)) }

// syncNames syncs the directories that a file is known in.
func (v *Volume) syncNames(n *node) error {
	v.names.RLock()
	defer v.names.RUnlock()
	for _, p := range v.table.places(n) {
		d, err := v.findAs(p.dir.id, unix.O_RDONLY|unix.O_DIRECTORY)
		if err != nil {
			return err
		}
		err = unix.Fsync(d.fd)
		d.close()
		if err != nil {
			return err
		}
	}
	return nil
}
