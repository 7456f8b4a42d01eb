package hostdir

import (
	"io/fs"

	"golang.org/x/sys/unix"
)

var typeBits = map[uint32]fs.FileMode{
	unix.S_IFREG:  0,
	unix.S_IFDIR:  fs.ModeDir,
	unix.S_IFLNK:  fs.ModeSymlink,
	unix.S_IFIFO:  fs.ModeNamedPipe,
	unix.S_IFSOCK: fs.ModeSocket,
	unix.S_IFBLK:  fs.ModeDevice,
	unix.S_IFCHR:  fs.ModeDevice | fs.ModeCharDevice,
}

var specialBits = []struct {
	host uint32
	mode fs.FileMode
}{
	{unix.S_ISUID, fs.ModeSetuid},
	{unix.S_ISGID, fs.ModeSetgid},
	{unix.S_ISVTX, fs.ModeSticky},
}

const permBits = fs.ModePerm | fs.ModeSetuid | fs.ModeSetgid | fs.ModeSticky

// modeOf translates st_mode, inode(7).
func modeOf(host uint32) fs.FileMode {
	t, ok := typeBits[host&unix.S_IFMT]
	if !ok {
		t = fs.ModeIrregular
	}
	m := t | fs.FileMode(host).Perm()
	for _, b := range specialBits {
		if host&b.host != 0 {
			m |= b.mode
		}
	}
	return m
}

// hostPerm translates permissions for chmod(2).
func hostPerm(m fs.FileMode) uint32 {
	host := uint32(m.Perm())
	for _, b := range specialBits {
		if m&b.mode != 0 {
			host |= b.host
		}
	}
	return host
}
