package main

import (
	"fmt"

	"golang.org/x/sys/unix"
)

// overlayReadOnly tries every way to write to an overlay without an upper layer.
func overlayReadOnly(s *scene) {
	for _, name := range []string{"f", "merged/one", "pure/sub/x", "gone", "early", "hidden/old", "layered", "u"} {
		s.see(name)
	}
	s.list(".")
	for _, flags := range []int{unix.O_WRONLY, unix.O_RDWR, unix.O_RDONLY | unix.O_TRUNC, unix.O_CREAT | unix.O_RDWR, unix.O_CREAT | unix.O_EXCL | unix.O_RDWR, unix.O_RDONLY | unix.O_CREAT} {
		for _, name := range []string{"f", "pure", "gone", "new", "fifo"} {
			s.close(s.open(name, flags|unix.O_NONBLOCK))
		}
	}
	s.close(s.open(".", unix.O_TMPFILE|unix.O_RDWR))
	for _, name := range []string{"f", "pure", "gone", "empty"} {
		for op, err := range map[string]error{
			"truncate":    unix.Truncate(s.p(name), 0),
			"chmod":       unix.Chmod(s.p(name), 0o600),
			"chown":       unix.Chown(s.p(name), 1, 1),
			"utimes":      unix.UtimesNanoAt(unix.AT_FDCWD, s.p(name), make([]unix.Timespec, 2), 0),
			"setxattr":    unix.Setxattr(s.p(name), "user.a", []byte("1"), 0),
			"removexattr": unix.Removexattr(s.p(name), "user.a"),
			"mkdir":       unix.Mkdir(s.p(name), 0o755),
			"rmdir":       unix.Rmdir(s.p(name)),
			"unlink":      unix.Unlink(s.p(name)),
			"rename":      unix.Rename(s.p(name), s.p("new")),
			"rename onto": unix.Rename(s.p("keep"), s.p(name)),
			"link":        unix.Link(s.p(name), s.p("new")),
			"symlink":     unix.Symlink("x", s.p(name)),
			"mknod":       unix.Mknod(s.p(name), unix.S_IFIFO|0o600, 0),
			"access W_OK": unix.Access(s.p(name), unix.W_OK),
		} {
			s.step(op+" "+name, err)
		}
	}
	s.step("mkdir new", unix.Mkdir(s.p("new"), 0o755))
	s.step("symlink new", unix.Symlink("x", s.p("new")))
	s.step("mkfifo new", unix.Mkfifo(s.p("new"), 0o600))
	s.step("remove lower's attribute", unix.Removexattr(s.p("owned"), "user.lower"))
	s.attribute("owned", "user.lower")
	fd := s.open("f", unix.O_RDONLY)
	s.step("fchmod", unix.Fchmod(fd, 0o600))
	s.step("fsync", unix.Fsync(fd))
	_, err := unix.Mmap(fd, 0, 4, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
	s.step("mmap for writing", err)
	m, err := unix.Mmap(fd, 0, 4, unix.PROT_READ, unix.MAP_SHARED)
	if s.step("mmap", err); err == nil {
		s.fact("mapped", string(m))
		s.must("munmap", unix.Munmap(m))
	}
	s.close(fd)
	var st unix.Statfs_t
	s.must("statfs", unix.Statfs(s.dir, &st))
	s.fact("statfs says read-only", fmt.Sprint(st.Flags&unix.ST_RDONLY != 0))
	s.see("f")
	s.list(".")
}
