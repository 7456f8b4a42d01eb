package main

import (
	"os"
	"strings"

	"golang.org/x/sys/unix"
)

// The parts of the battery that are about entries: opening, linking, renaming.

func (s *scene) opens() {
	s.file("o")
	s.step("symlink", unix.Symlink("o", s.p("to-o")))
	s.step("dangling", unix.Symlink("not-there", s.p("dangling")))
	for _, try := range []struct {
		name  string
		flags int
	}{
		{"o", unix.O_RDONLY}, {"o", unix.O_WRONLY}, {"o", unix.O_RDWR | unix.O_APPEND}, {"o", unix.O_CREAT | unix.O_EXCL | unix.O_RDWR},
		{"o", unix.O_DIRECTORY}, {"o/", unix.O_RDONLY}, {"o/x", unix.O_RDONLY}, {"o", unix.O_PATH},
		{"to-o", unix.O_RDONLY}, {"to-o", unix.O_NOFOLLOW}, {"to-o", unix.O_PATH | unix.O_NOFOLLOW}, {"to-o", unix.O_CREAT | unix.O_EXCL},
		{"dangling", unix.O_RDONLY}, {"dangling", unix.O_CREAT | unix.O_EXCL | unix.O_RDWR}, {"dangling", unix.O_CREAT | unix.O_RDWR},
		{"moded", unix.O_RDONLY}, {"moded", unix.O_RDWR}, {"moded", unix.O_CREAT}, {"moded", unix.O_RDONLY | unix.O_DIRECTORY},
		{"missing", unix.O_RDONLY}, {"missing/x", unix.O_CREAT | unix.O_RDWR}, {"new/", unix.O_CREAT | unix.O_RDWR},
		{"made", unix.O_CREAT | unix.O_RDONLY}, {".", unix.O_TMPFILE | unix.O_RDWR}, {"o", unix.O_TRUNC | unix.O_WRONLY},
		{"..", unix.O_RDONLY}, {"../..", unix.O_RDONLY | unix.O_DIRECTORY}, {"o", unix.O_NOATIME}, {"o", unix.O_DIRECT | unix.O_RDWR},
	} {
		s.close(s.open(try.name, try.flags))
	}
	s.stat("o")
	s.stat("made")
	s.stat("not-there")
	s.step("access r", unix.Access(s.p("o"), unix.R_OK))
	s.step("access x", unix.Access(s.p("o"), unix.X_OK))
	s.step("access missing", unix.Access(s.p("missing"), unix.F_OK))
	fd := s.open("gone", unix.O_CREAT|unix.O_RDWR)
	s.step("unlink open file", unix.Unlink(s.p("gone")))
	var st unix.Stat_t
	s.step("fstat of unlinked", unix.Fstat(fd, &st))
	s.fact("links of unlinked", st.Nlink)
	_, err := unix.Write(fd, []byte("x"))
	s.step("write to unlinked", err)
	s.step("fchmod of unlinked", unix.Fchmod(fd, 0o600))
	s.step("ftruncate of unlinked", unix.Ftruncate(fd, 10))
	s.close(fd)
}

func (s *scene) links() {
	s.file("l")
	s.mkdir("ld")
	s.step("link", unix.Link(s.p("l"), s.p("l2")))
	s.step("link into directory", unix.Link(s.p("l"), s.p("ld/l3")))
	s.stat("l")
	s.stat("ld/l3")
	s.step("link exists", unix.Link(s.p("l"), s.p("l2")))
	s.step("link directory", unix.Link(s.p("ld"), s.p("ld2")))
	s.step("link missing", unix.Link(s.p("missing"), s.p("x")))
	s.step("link to missing directory", unix.Link(s.p("l"), s.p("missing/x")))
	s.step("link below file", unix.Link(s.p("l"), s.p("l2/x")))
	s.step("link across mounts", unix.Link(s.p("l"), s.other+"/linked"))
	s.step("link from another mount", unix.Link(s.other+"/for-links", s.p("linked")))
	s.step("unlink one", unix.Unlink(s.p("l")))
	s.stat("l2")
	s.step("symlink exists", unix.Symlink("x", s.p("l2")))
	s.step("symlink to missing directory", unix.Symlink("x", s.p("missing/x")))
	s.step("symlink empty", unix.Symlink("", s.p("empty")))
	s.step("long symlink", unix.Symlink(strings.Repeat("t", 4095), s.p("long-target")))
	s.step("longer symlink", unix.Symlink(strings.Repeat("t", 4096), s.p("longer-target")))
	s.stat("long-target")
	buf := make([]byte, 16)
	n, err := unix.Readlink(s.p("long-target"), buf)
	s.fact("readlink short", n, " ", outcome(err))
	_, err = unix.Readlink(s.p("l2"), buf)
	s.step("readlink file", err)
	s.step("link symlink", unix.Linkat(unix.AT_FDCWD, s.p("to-o"), unix.AT_FDCWD, s.p("to-o2"), 0))
	s.stat("to-o2")
	s.step("link followed symlink", unix.Linkat(unix.AT_FDCWD, s.p("to-o"), unix.AT_FDCWD, s.p("o2"), unix.AT_SYMLINK_FOLLOW))
	s.stat("o2")
	fd := s.open("l2", unix.O_RDONLY)
	s.step("link of FD", unix.Linkat(fd, "", unix.AT_FDCWD, s.p("of-fd"), unix.AT_EMPTY_PATH))
	s.close(fd)
	s.stat("of-fd")
}

func (s *scene) renames() {
	s.step("clear", os.RemoveAll(s.p("r")))
	for _, d := range []string{"r", "r/d1", "r/d2", "r/full", "r/full/sub"} {
		s.mkdir(d)
	}
	s.file("r/f1")
	s.file("r/f2")
	rename := func(from, to string) { s.step("rename "+from+" "+to, unix.Rename(s.p("r/"+from), s.p("r/"+to))) }
	for _, pair := range [][2]string{
		{"f1", "f3"}, {"f3", "f2"}, {"f2", "d1"}, {"d1", "f2"}, {"d1", "d2"}, {"d2", "full"}, {"full", "full/sub/x"},
		{"missing", "x"}, {"f2", "missing/x"}, {"f2", "f2"}, {"f2", "f2/x"}, {"f2", "new/"}, {"d2", "new/"}, {"new", "d2"},
		{".", "x"}, {"d2/.", "x"}, {"d2/..", "x"}, {"full/sub", "full"}, {"f2", "d2/f2"}, {"d2/f2", "f2"}, {"full", "d2"}, {"d2", "full"},
	} {
		rename(pair[0], pair[1])
	}
	s.step("rename across mounts", unix.Rename(s.p("r/f2"), s.other+"/renamed"))
	s.step("rename directory across mounts", unix.Rename(s.p("r/full"), s.other+"/renamed"))
	s.step("rename mount", unix.Rename(s.root, s.p("r/root")))
	s.step("rename over mount", unix.Rename(s.p("r/full"), s.root))
	s.file("r/a")
	s.mkdir("r/b")
	for _, flags := range []uint{unix.RENAME_NOREPLACE, unix.RENAME_EXCHANGE, unix.RENAME_WHITEOUT, unix.RENAME_NOREPLACE | unix.RENAME_EXCHANGE, 1 << 10} {
		s.step("renameat2 existing", unix.Renameat2(unix.AT_FDCWD, s.p("r/a"), unix.AT_FDCWD, s.p("r/b"), flags))
		s.step("renameat2 free", unix.Renameat2(unix.AT_FDCWD, s.p("r/a"), unix.AT_FDCWD, s.p("r/free"), flags))
		_ = unix.Rename(s.p("r/free"), s.p("r/a"))
	}
	s.stat("r/a")
	s.stat("r/b")
	fd := s.open("r/f2", unix.O_RDWR)
	rename("f2", "moved")
	_, err := unix.Write(fd, []byte("after"))
	s.step("write after rename", err)
	s.close(fd)
	s.stat("r/moved")
}
