package inspect

import (
	"os"
	"path"
	"strconv"
	"strings"

	"github.com/directfs/runsc/pkg/overlaymount"
	"golang.org/x/sys/unix"
)

// How many entries of directories are looked at for attributes of overlays. An
// overlay that changed something further down has marked the directory above it,
// as a copy of the lower one, and so on up to the layer's root, so that few
// entries tell.
const (
	maxUpperEntries = 1000 // in the upper directory
	maxLowerEntries = 1000 // in all lower directories together, from the top
)

// The beginnings of the attributes' names (overlayfs.rst, "User xattr"). All of
// them tell who wrote the layer: opaque and redirect, which change what it holds,
// and origin, impure, nlink, uuid and the like, which an overlay leaves on the way.
const (
	trustedPrefix = "trusted.overlay."
	userPrefix    = "user.overlay."
)

// attributes looks for the two dialects at the root of a layer and in it.
func (r *Reader) attributes(d *overlaymount.Directory, fd int, l overlaymount.Layer) {
	s := newScan(d, fd, l)
	s.look(fd, "", l.Path)
	switch l.Role {
	case overlaymount.Upper:
		s.entries(fd, l.Path, maxUpperEntries)
	case overlaymount.Lower:
		r.entries -= s.entries(fd, l.Path, r.entries)
	}
}

// scan looks for attributes until it has seen both dialects.
type scan struct {
	directory *overlaymount.Directory
	names     []byte

	// mounts are the paths, as they are shown, of what is mounted in the layer: an
	// overlay does not show that, and it can be a file system that does not answer.
	mounts map[string]bool
}

func newScan(d *overlaymount.Directory, fd int, l overlaymount.Layer) scan {
	s := scan{directory: d, names: make([]byte, 4096), mounts: map[string]bool{}}
	if len(d.Submounts) == 0 {
		return s
	}
	name, err := os.Readlink("/proc/self/fd/" + strconv.Itoa(fd))
	if err != nil {
		return s
	}
	for _, m := range d.Submounts {
		s.mounts[path.Join(l.Path, strings.TrimPrefix(m, name))] = true
	}
	return s
}

func (s *scan) done() bool { return s.directory.Trusted != "" && s.directory.User != "" }

// entries looks at no more than limit entries of a directory, and returns how
// many.
func (s *scan) entries(fd int, dir string, limit int) int {
	if s.done() || limit <= 0 {
		return 0
	}
	readable, err := unix.Openat(fd, ".", unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return 0
	}
	f := os.NewFile(uintptr(readable), dir)
	defer f.Close()
	names, _ := f.Readdirnames(limit)
	for _, name := range names {
		if s.done() {
			break
		}
		s.look(fd, name, path.Join(dir, name))
	}
	return len(names)
}

// look looks at one file. Links are not followed: they have attributes of their
// own.
func (s *scan) look(fd int, name, shown string) {
	if s.mounts[shown] {
		return
	}
	at := "/proc/self/fd/" + strconv.Itoa(fd) + "/" + name
	n, err := unix.Llistxattr(at, s.names)
	if err == unix.ERANGE {
		s.names = make([]byte, 64<<10) // XATTR_LIST_MAX
		n, err = unix.Llistxattr(at, s.names)
	}
	if err != nil {
		return
	}
	for key := range strings.SplitSeq(string(s.names[:n]), "\x00") {
		if s.directory.Trusted == "" && strings.HasPrefix(key, trustedPrefix) {
			s.directory.Trusted = shown
		}
		if s.directory.User == "" && strings.HasPrefix(key, userPrefix) {
			s.directory.User = shown
		}
	}
}
