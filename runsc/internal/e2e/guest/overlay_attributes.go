package main

import (
	"fmt"
	"slices"
	"strings"

	"golang.org/x/sys/unix"
)

// Cases of an overlay that are about attributes.

func overlayChmod(s *scene) {
	for _, name := range []string{"f", "u", "owned", "pure", "merged", "ud", "fifo"} {
		s.step("chmod "+name, unix.Chmod(s.p(name), 0o4711))
		s.see(name)
	}
	s.step("chmod by link", unix.Chmod(s.p("link"), 0o600))
	s.see("f")
	s.step("chmod gone", unix.Chmod(s.p("gone"), 0o600))
	s.step("chmod of a link", unix.Fchmodat(unix.AT_FDCWD, s.p("link"), 0o600, unix.AT_SYMLINK_NOFOLLOW))
	s.list("merged")
}

func overlayChown(s *scene) {
	for _, name := range []string{"f", "owned", "pure", "link", "u", "merged", "fifo"} {
		s.step("lchown "+name, unix.Lchown(s.p(name), 7, 8))
		s.see(name)
	}
	s.step("chown by link", unix.Chown(s.p("dirlink"), 9, -1))
	s.see("pure")
	s.see("dirlink")
	s.see("h2")
	s.step("chown gone", unix.Chown(s.p("gone"), 1, 1))
}

func overlayUtimes(s *scene) {
	for i, name := range []string{"f", "pure", "link", "merged", "u"} {
		ts := []unix.Timespec{{Sec: int64(100 + i), Nsec: 5}, {Sec: int64(200 + i), Nsec: 6}}
		s.step("utimensat "+name, unix.UtimesNanoAt(unix.AT_FDCWD, s.p(name), ts, unix.AT_SYMLINK_NOFOLLOW))
		var st unix.Stat_t
		err := unix.Lstat(s.p(name), &st)
		s.fact("times of "+name, st.Mtim, " ", outcome(err))
	}
	s.see("f")
	s.step("utimensat gone", unix.UtimesNanoAt(unix.AT_FDCWD, s.p("gone"), make([]unix.Timespec, 2), 0))
	// What copying up keeps.
	before, after := unix.Stat_t{}, unix.Stat_t{}
	s.must("stat", unix.Stat(s.p("keep"), &before))
	s.must("chmod", unix.Chmod(s.p("keep"), 0o600))
	s.must("stat", unix.Stat(s.p("keep"), &after))
	s.fact("copied up with its time", before.Mtim == after.Mtim)
}

// attributes records the names of attributes that are not the host's own.
func (s *scene) attributes(name string) {
	buf := make([]byte, 1024)
	n, err := unix.Llistxattr(s.p(name), buf)
	var names []string
	for x := range strings.SplitSeq(string(buf[:max(n, 0)]), "\x00") {
		if x != "" && !strings.HasPrefix(x, "security.") {
			names = append(names, x)
		}
	}
	slices.Sort(names)
	s.fact("attributes of "+name, names, " ", outcome(err))
}

func (s *scene) attribute(name, attribute string) {
	buf := make([]byte, 64)
	n, err := unix.Lgetxattr(s.p(name), attribute, buf)
	s.fact("get "+attribute+" of "+name, string(buf[:max(n, 0)]), " ", outcome(err))
}

func overlayXattr(s *scene) {
	for _, name := range []string{"owned", "f", "pure", "u", "link", "fifo"} {
		s.attributes(name)
		s.step("create on "+name, unix.Lsetxattr(s.p(name), "user.a", []byte("1"), unix.XATTR_CREATE))
		s.step("create again on "+name, unix.Lsetxattr(s.p(name), "user.a", []byte("2"), unix.XATTR_CREATE))
		s.step("replace on "+name, unix.Lsetxattr(s.p(name), "user.a", []byte("3"), unix.XATTR_REPLACE))
		s.attribute(name, "user.a")
		s.attributes(name)
	}
	s.attribute("owned", "user.lower")
	s.attribute("owned", "user.none")
	s.step("remove lower's", unix.Removexattr(s.p("owned"), "user.lower"))
	s.step("remove again", unix.Removexattr(s.p("owned"), "user.lower"))
	s.step("replace missing", unix.Setxattr(s.p("keep"), "user.b", []byte("1"), unix.XATTR_REPLACE))
	s.step("remove missing", unix.Removexattr(s.p("keep"), "user.b"))
	s.step("unknown namespace", unix.Setxattr(s.p("keep"), "other.b", []byte("1"), 0))
	s.attributes("owned")
	s.see("owned")
}

// overlayXattrAgain finds the attributes in the upper layer.
func overlayXattrAgain(s *scene) {
	for _, name := range []string{"owned", "f", "pure", "u"} {
		s.attributes(name)
		s.attribute(name, "user.a")
		s.step("remove from "+name, unix.Removexattr(s.p(name), "user.a"))
		s.attributes(name)
	}
}

// overlayMarks looks for the overlay's own attributes, and sets some like them.
func overlayMarks(s *scene) {
	for _, name := range []string{"merged", "hidden", "both", "pure", "."} {
		s.attributes(name)
		s.attribute(name, "trusted.overlay.opaque")
		s.attribute(name, "user.overlay.opaque")
	}
	for _, attribute := range []string{"trusted.overlay.opaque", "user.overlay.opaque", "trusted.overlay.mine", "user.overlay.mine", "user.overlayed", "trusted.mine"} {
		s.step("set "+attribute, unix.Setxattr(s.p("both"), attribute, []byte("y"), 0))
		s.attribute("both", attribute)
	}
	s.attributes("both")
	s.list("both")
	s.list("hidden")
	for _, attribute := range []string{"trusted.overlay.opaque", "trusted.overlay.mine"} {
		// Where it could be set, the next container would be refused: it looks as if
		// another overlay had written the layer.
		_ = unix.Removexattr(s.p("both"), attribute)
	}
}

func overlayACL(s *scene) {
	// One entry for each class (acl(5), linux/posix_acl_xattr.h), mode 0640.
	list := []byte{2, 0, 0, 0, 1, 0, 6, 0, 255, 255, 255, 255, 4, 0, 4, 0, 255, 255, 255, 255, 32, 0, 0, 0, 255, 255, 255, 255}
	for _, name := range []string{"f", "pure"} {
		s.attribute(name, "system.posix_acl_access")
		s.attribute(name, "system.posix_acl_default")
		s.step("set access of "+name, unix.Setxattr(s.p(name), "system.posix_acl_access", list, 0))
		s.step("set default of "+name, unix.Setxattr(s.p(name), "system.posix_acl_default", list, 0))
		s.see(name)
	}
	s.attributes("u")
}

// overlayIdentity compares inode and device numbers, which are not the same in
// two runs.
func overlayIdentity(s *scene) {
	same := func(what string, a, b unix.Stat_t) {
		s.fact(what, fmt.Sprintf("inode %v device %v", a.Ino == b.Ino, a.Dev == b.Dev))
	}
	look := func(name string) (st unix.Stat_t) {
		s.must("stat "+name, unix.Stat(s.p(name), &st))
		return st
	}
	for _, name := range []string{"f", "u", "pure", "merged", "."} {
		same(name+" twice", look(name), look(name))
		fd := s.open(name, unix.O_RDONLY)
		var st unix.Stat_t
		s.step("fstat "+name, unix.Fstat(fd, &st))
		same(name+" open", look(name), st)
		s.close(fd)
	}
	same("h1 and h2", look("h1"), look("h2"))
	same("f and keep", look("f"), look("keep"))
	same("f and u", look("f"), look("u"))
	same("f and pure", look("f"), look("pure"))
	same("pure and merged", look("pure"), look("merged"))
	for _, name := range []string{"f", "h1", "pure"} {
		before := look(name)
		s.step("chmod "+name, unix.Chmod(s.p(name), 0o700))
		same(name+" copied up", before, look(name))
	}
	same("h1 and h2 after", look("h1"), look("h2"))
	before := look("f")
	s.step("rename", unix.Rename(s.p("f"), s.p("moved")))
	same("renamed", before, look("moved"))
}

func overlayStatfs(s *scene) {
	for _, name := range []string{".", "f", "u", "pure"} {
		var st unix.Statfs_t
		err := unix.Statfs(s.p(name), &st)
		s.fact("statfs "+name, fmt.Sprintf("type %#x names %d blocks %v %s", st.Type, st.Namelen, st.Blocks > 0, outcome(err)))
	}
}
