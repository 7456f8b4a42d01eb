package main

import (
	"fmt"
	"net"
	"os"
	"slices"
	"strings"

	"golang.org/x/sys/unix"
)

// The parts of the battery that are about attributes and content.

func (s *scene) modes() {
	s.file("m")
	for _, mode := range []uint32{0, 0o7, 0o70, 0o700, 0o4755, 0o2755, 0o1777, 0o7777} {
		s.step(fmt.Sprintf("chmod %o", mode), unix.Chmod(s.p("m"), mode))
		s.stat("m")
	}
	s.step("chmod missing", unix.Chmod(s.p("missing"), 0o600))
	s.step("chmod below file", unix.Chmod(s.p("m/x"), 0o600))
	s.step("chmod followed", unix.Chmod(s.p("to-o"), 0o611))
	s.stat("o")
	s.step("chmod link", unix.Fchmodat(unix.AT_FDCWD, s.p("to-o"), 0o600, unix.AT_SYMLINK_NOFOLLOW))
	s.step("chown clears suid", unix.Chown(s.p("m"), 1, 2))
	s.stat("m")
	s.step("chown nothing", unix.Chown(s.p("m"), -1, -1))
	s.step("chown group", unix.Chown(s.p("m"), -1, 7))
	s.step("lchown link", unix.Lchown(s.p("to-o"), 3, 4))
	s.stat("to-o")
	s.stat("m")
	s.step("chown missing", unix.Chown(s.p("missing"), 0, 0))
	s.step("setgid directory", os.Mkdir(s.p("setgid"), 0o777))
	s.step("setgid owner", unix.Chown(s.p("setgid"), 0, 9))
	s.step("setgid mode", unix.Chmod(s.p("setgid"), 0o2777))
	s.file("setgid/f")
	s.mkdir("setgid/d")
	s.stat("setgid/f")
	s.stat("setgid/d")
	old := unix.Umask(0o077)
	s.file("umask")
	unix.Umask(old)
	s.stat("umask")
}

func (s *scene) sizes() {
	s.file("t")
	for _, size := range []int64{3, 100000, 0, -1} {
		s.step(fmt.Sprintf("truncate %d", size), unix.Truncate(s.p("t"), size))
		s.stat("t")
	}
	s.step("truncate directory", unix.Truncate(s.p("moded"), 0))
	s.step("truncate missing", unix.Truncate(s.p("missing"), 0))
	fd := s.open("t", unix.O_RDONLY)
	s.step("ftruncate read-only FD", unix.Ftruncate(fd, 1))
	_, err := unix.Write(fd, []byte("x"))
	s.step("write to read-only FD", err)
	s.close(fd)
	fd = s.open("t", unix.O_RDWR)
	s.step("fallocate", unix.Fallocate(fd, 0, 0, 4096))
	s.step("fallocate keep size", unix.Fallocate(fd, unix.FALLOC_FL_KEEP_SIZE, 0, 8192))
	s.step("fallocate negative", unix.Fallocate(fd, 0, -1, 1))
	s.step("fallocate punch", unix.Fallocate(fd, unix.FALLOC_FL_PUNCH_HOLE|unix.FALLOC_FL_KEEP_SIZE, 0, 10))
	_, err = unix.Pwrite(fd, []byte("x"), 1<<20)
	s.step("pwrite far", err)
	_, err = unix.Seek(fd, -1, unix.SEEK_SET)
	s.step("seek negative", err)
	s.step("flock", unix.Flock(fd, unix.LOCK_EX|unix.LOCK_NB))
	s.close(fd)
	s.stat("t")
}

func (s *scene) times() {
	s.file("u")
	for _, ts := range [][]unix.Timespec{
		{{Sec: 1, Nsec: 2}, {Sec: 3, Nsec: 4}},
		{{Nsec: unix.UTIME_OMIT}, {Sec: 5}},
		{{Sec: 6}, {Nsec: unix.UTIME_OMIT}},
		{{Nsec: 1_000_000_000}, {}},
		{{Sec: -1}, {Sec: -2}},
		{{Sec: 1 << 33}, {Sec: 1 << 33}},
	} {
		s.step("utimensat", unix.UtimesNanoAt(unix.AT_FDCWD, s.p("u"), ts, 0))
		var st unix.Stat_t
		s.step("stat", unix.Stat(s.p("u"), &st))
		s.fact("times", st.Atim, st.Mtim)
	}
	s.step("utimensat link", unix.UtimesNanoAt(unix.AT_FDCWD, s.p("to-o"), []unix.Timespec{{Sec: 7}, {Sec: 8}}, unix.AT_SYMLINK_NOFOLLOW))
	var st unix.Stat_t
	s.step("stat link", unix.Lstat(s.p("to-o"), &st))
	s.fact("times of link", st.Mtim)
	s.step("utimensat missing", unix.UtimesNanoAt(unix.AT_FDCWD, s.p("missing"), make([]unix.Timespec, 2), 0))
	s.step("utimensat directory", unix.UtimesNanoAt(unix.AT_FDCWD, s.p("moded"), make([]unix.Timespec, 2), 0))
}

func (s *scene) xattrs() {
	s.file("x")
	set := func(what, name string, size, flags int) {
		s.step("setxattr "+what, unix.Setxattr(s.p("x"), name, make([]byte, size), flags))
	}
	set("replace missing", "user.a", 3, unix.XATTR_REPLACE)
	set("create", "user.a", 3, unix.XATTR_CREATE)
	set("create again", "user.a", 3, unix.XATTR_CREATE)
	set("replace", "user.a", 5, unix.XATTR_REPLACE)
	set("empty", "user.empty", 0, 0)
	set("no namespace", "a", 1, 0)
	set("unknown namespace", "other.a", 1, 0)
	set("trusted", "trusted.a", 1, 0)
	set("security", "security.a", 1, 0)
	set("long name", "user."+strings.Repeat("n", 300), 1, 0)
	set("large", "user.large", 70000, 0)
	buf := make([]byte, 1024)
	for _, name := range []string{"user.a", "user.empty", "user.missing", "other.a", "trusted.a"} {
		n, err := unix.Getxattr(s.p("x"), name, buf)
		s.fact("getxattr "+name, n, " ", outcome(err))
	}
	_, err := unix.Getxattr(s.p("x"), "user.a", buf[:2])
	s.step("getxattr short", err)
	n, err := unix.Listxattr(s.p("x"), buf)
	names := strings.Split(string(buf[:max(n, 0)]), "\x00")
	slices.Sort(names)
	s.fact("listxattr", names, outcome(err))
	_, err = unix.Listxattr(s.p("x"), buf[:1])
	s.step("listxattr short", err)
	s.step("removexattr", unix.Removexattr(s.p("x"), "user.a"))
	s.step("removexattr missing", unix.Removexattr(s.p("x"), "user.a"))
	s.step("setxattr of link", unix.Lsetxattr(s.p("to-o"), "user.a", nil, 0))
	s.step("setxattr of directory", unix.Setxattr(s.p("moded"), "user.a", []byte("v"), 0))
}

func (s *scene) special() {
	for _, kind := range []struct {
		name string
		mode uint32
	}{{"fifo", unix.S_IFIFO}, {"socket", unix.S_IFSOCK}, {"regular", unix.S_IFREG}, {"char", unix.S_IFCHR}, {"block", unix.S_IFBLK}} {
		name := "n-" + kind.name
		s.step("mknod "+name, unix.Mknod(s.p(name), kind.mode|0o620, 0))
		s.stat(name)
		s.step("chmod "+name, unix.Chmod(s.p(name), 0o606))
		s.stat(name)
	}
	s.close(s.open("n-fifo", unix.O_WRONLY|unix.O_NONBLOCK))
	s.close(s.open("n-socket", unix.O_RDONLY))
	s.step("mknod exists", unix.Mknod(s.p("n-fifo"), unix.S_IFIFO, 0))
	s.step("mknod missing", unix.Mknod(s.p("missing/x"), unix.S_IFIFO, 0))
	l, err := net.Listen("unix", s.p("sock"))
	s.fact("listen", err == nil)
	if err == nil {
		s.step("chmod socket", unix.Chmod(s.p("sock"), 0o600))
		s.stat("sock")
		c, err := net.Dial("unix", s.p("sock"))
		s.fact("connect", err == nil)
		if err == nil {
			c.Close()
		}
		l.Close()
	}
}

func (s *scene) contents() {
	s.file("c")
	fd := s.open("c", unix.O_RDWR|unix.O_APPEND)
	_, err := unix.Pwrite(fd, []byte("end"), 0)
	s.step("pwrite appends", err)
	s.step("fsync", unix.Fsync(fd))
	m, err := unix.Mmap(fd, 0, 4, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
	if s.step("mmap", err); err == nil {
		copy(m, "MMAP")
		s.step("msync", unix.Msync(m, unix.MS_SYNC))
		s.step("munmap", unix.Munmap(m))
	}
	s.close(fd)
	data, err := os.ReadFile(s.p("c"))
	s.fact("content", string(data), " ", outcome(err))
	var st unix.Statfs_t
	s.step("statfs", unix.Statfs(s.dir, &st))
	s.fact("statfs", st.Type, st.Namelen)
}
