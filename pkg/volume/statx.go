package volume

import (
	"io/fs"
	"math"
	"time"

	"golang.org/x/sys/unix"
	"gvisor.dev/gvisor/pkg/lisafs"
)

const (
	// blockSize is what applications are told to read and write at once. C's
	// stdio and Python take it as their buffer's size, so it bounds how many
	// calls a sequential reader makes.
	blockSize = 64 << 10

	// sectorSize is the unit of st_blocks, stat(2).
	sectorSize = 512

	// statMask is what a Statx has. The sentry refuses a file without its type,
	// and a regular file without its size.
	statMask = unix.STATX_BASIC_STATS
)

// modeBits are the type bits of stat(2) for the types that a volume may have.
// Devices are not among them: they have no numbers here, and a character device
// 0:0 is a whiteout to an overlay.
var modeBits = map[fs.FileMode]uint16{
	0:                unix.S_IFREG,
	fs.ModeDir:       unix.S_IFDIR,
	fs.ModeSymlink:   unix.S_IFLNK,
	fs.ModeNamedPipe: unix.S_IFIFO,
	fs.ModeSocket:    unix.S_IFSOCK,
}

// specialBits are the permissions that are not among fs.ModePerm.
var specialBits = []struct {
	mode fs.FileMode
	bit  uint16
}{
	{fs.ModeSetuid, unix.S_ISUID},
	{fs.ModeSetgid, unix.S_ISGID},
	{fs.ModeSticky, unix.S_ISVTX},
}

// toMode returns st_mode.
func toMode(m fs.FileMode) uint16 {
	bits := modeBits[m.Type()] | uint16(m.Perm())
	for _, s := range specialBits {
		if m&s.mode != 0 {
			bits |= s.bit
		}
	}
	return bits
}

// fromMode returns the permissions of an st_mode, without the type.
func fromMode(bits uint16) fs.FileMode {
	m := fs.FileMode(bits) & fs.ModePerm
	for _, s := range specialBits {
		if bits&s.bit != 0 {
			m |= s.mode
		}
	}
	return m
}

// check reports what cannot be true of a file.
func (a Attr) check() error {
	if a.ID == "" {
		return broken("a file has the empty ID")
	}
	if _, ok := modeBits[a.Mode.Type()]; !ok {
		return broken("file %q has the type %v; allowed are regular files, directories, symbolic links, named pipes and sockets", a.ID, a.Mode.Type())
	}
	if a.Size < 0 {
		return broken("file %q has the size %d", a.ID, a.Size)
	}
	return nil
}

// statx returns the attributes as the sentry wants them.
func (a Attr) statx(number uint64) lisafs.Statx {
	return lisafs.Statx{
		Mask:    statMask,
		Blksize: blockSize,
		Nlink:   a.links(),
		UID:     a.UID,
		GID:     a.GID,
		Mode:    toMode(a.Mode),
		Ino:     number,
		Size:    uint64(a.Size),
		Blocks:  (uint64(a.Size) + sectorSize - 1) / sectorSize,
		Atime:   toTimestamp(a.AccessTime, a.ModTime),
		Ctime:   toTimestamp(a.ChangeTime, a.ModTime),
		Mtime:   toTimestamp(a.ModTime, a.ModTime),
	}
}

func (a Attr) links() uint32 {
	switch {
	case a.Links != 0:
		return a.Links
	case a.Mode.IsDir():
		return 2
	}
	return 1
}

// The sentry counts nanoseconds since 1970 in an int64. Linux, too, takes the
// nearest time that a file system can hold (timestamp_truncate).
var (
	earliest = time.Unix(0, math.MinInt64)
	latest   = time.Unix(0, math.MaxInt64)
)

// toTimestamp returns t, or else instead, or else the epoch.
func toTimestamp(t, instead time.Time) lisafs.StatxTimestamp {
	if t.IsZero() {
		t = instead
	}
	switch {
	case t.IsZero():
		t = time.Unix(0, 0)
	case t.Before(earliest):
		t = earliest
	case t.After(latest):
		t = latest
	}
	return lisafs.StatxTimestamp{Sec: t.Unix(), Nsec: uint32(t.Nanosecond())}
}
