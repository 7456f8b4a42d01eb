package directfspolicy

import (
	"slices"
	"strconv"
	"strings"
)

// Source says where files are, by name and by identity. Whoever makes a Request
// looks at the host and fills in what it finds; the zero value is an unknown
// place.
//
// Two sources are the same, or one is inside the other, if any of the three
// ways of comparing says so: by Path, by Filesystem and Within, and by Device
// and Inode, which only tell whether they are the same.
type Source struct {
	// Path is an absolute, cleaned path of the host with symbolic links resolved
	// as far as the caller can tell, or a backend's own name for the place. It
	// is in UTF-8.
	Path string `json:"path"`

	// Filesystem and Within are the file system, as the kernel numbers it, and
	// the path inside it: the fields major:minor and root of proc(5),
	// /proc/pid/mountinfo, the latter joined with the rest of the path. However
	// many mounts lead there, these two are the same. Empty if unknown.
	Filesystem string `json:"filesystem,omitempty"`
	Within     string `json:"within,omitempty"`

	// Device and Inode are what stat(2) said at the time of reading. They tell
	// whether a path still leads to the same file. 0 if unknown.
	Device uint64 `json:"device,omitempty"`
	Inode  uint64 `json:"inode,omitempty"`

	// Layer is what the directory is in a mount that is an overlay of several.
	Layer LayerKind `json:"layer,omitzero"`
}

// own are those of a mount's sources that are its own, and not mounted below one
// of them: the first, and of an overlay all.
func own(sources []Source) []Source {
	n := min(1, len(sources))
	for n > 0 && n < len(sources) && sources[n].Layer != NoLayer {
		n++
	}
	return sources[:n]
}

// place is one name of a source: a path within a file system, a path of the
// host if that is "", or a number.
type place struct{ in, path string }

// places are all names of the source.
func (s Source) places() (all [3]place, n int) {
	add := func(in, path string) {
		all[n] = place{in, path}
		n++
	}
	if s.Path != "" {
		add("", s.Path)
	}
	if s.Filesystem != "" && s.Within != "" {
		add(s.Filesystem, s.Within)
	}
	if s.Inode != 0 {
		add("inode of "+strconv.FormatUint(s.Device, 10), strconv.FormatUint(s.Inode, 10))
	}
	return all, n
}

// parent returns the directory that has the place. A number has none. It looks
// at the last name of the path alone: callers go up to the root.
func (p place) parent() (place, bool) {
	switch i := strings.LastIndexByte(p.path, '/'); {
	case i < 0 || p.path == "/":
		return place{}, false
	case i == 0:
		return place{p.in, "/"}, true
	default:
		return place{p.in, p.path[:i]}, true
	}
}

// Contains reports whether the files of o are those of s, or inside it.
func (s Source) Contains(o Source) bool {
	ours, n := s.places()
	theirs, k := o.places()
	for _, p := range theirs[:k] {
		for ok := true; ok; p, ok = p.parent() {
			if slices.Contains(ours[:n], p) {
				return true
			}
		}
	}
	return false
}

// valid reports whether a Plan can keep the source: JSON has no bytes outside
// UTF-8.
func (s Source) valid() bool {
	return s.Path != "" && isText(s.Path) && isText(s.Filesystem) && isText(s.Within)
}

// String returns the path, or else the place in its file system.
func (s Source) String() string {
	if s.Path != "" {
		return s.Path
	}
	return s.Filesystem + s.Within
}
