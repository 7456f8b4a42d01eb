package main

import (
	"net"

	"golang.org/x/sys/unix"
)

// Cases of an overlay that are about special files and directories, and about
// another user.

func overlayDenied(s *scene) {
	s.must("chmod", unix.Chmod(s.dir, 0o755))
	for _, name := range []string{"f", "closed", "merged/two", "sticky/roots", "setgid"} {
		for _, op := range []string{"read", "unlink", "chmod", "append"} {
			s.as(op, name)
		}
	}
	for _, name := range []string{"new", "gone", "pure/new", "sticky/theirs", "setgid/theirs"} {
		s.as("create", name)
		s.see(name)
	}
	s.as("unlink", "sticky/theirs")
	s.as("mkdir", "merged/dir")
	s.as("mkdir", "setgid/dir")
	s.see("setgid/dir")
	s.step("let them", unix.Chmod(s.p("pure"), 0o777))
	s.as("unlink", "pure/a")
	s.as("create", "pure/theirs")
	s.list("pure")
	s.step("give", unix.Chown(s.p("keep"), 1000, 1000))
	s.as("append", "keep")
	s.as("chmod", "keep")
	s.see("keep")
}

func overlaySetgid(s *scene) {
	s.write("setgid/f", unix.O_CREAT|unix.O_WRONLY, "f\n")
	s.step("mkdir", unix.Mkdir(s.p("setgid/d"), 0o755))
	s.write("setgid/d/f", unix.O_CREAT|unix.O_WRONLY, "f\n")
	s.step("symlink", unix.Symlink("f", s.p("setgid/l")))
	for _, name := range []string{"setgid", "setgid/f", "setgid/d", "setgid/d/f", "setgid/l"} {
		s.see(name)
	}
	s.see("sticky")
	s.write("sticky/roots", unix.O_WRONLY, "ROOTS")
	s.see("sticky")
	s.see("sticky/roots")
}

func overlaySpecial(s *scene) {
	for _, node := range []struct {
		name string
		mode uint32
		dev  int
	}{{"n-fifo", unix.S_IFIFO, 0}, {"n-socket", unix.S_IFSOCK, 0}, {"n-file", unix.S_IFREG, 0}, {"n-whiteout", unix.S_IFCHR, 0}, {"n-null", unix.S_IFCHR, 0x103}} {
		s.step("mknod "+node.name, unix.Mknod(s.p(node.name), node.mode|0o620, node.dev))
		s.see(node.name)
	}
	s.step("mkfifo over whiteout", unix.Mkfifo(s.p("gone"), 0o600))
	s.see("gone")
	for _, name := range []string{"fifo", "n-fifo"} {
		// Both ends in one process: O_RDWR does not wait (fifo(7)).
		fd := s.open(name, unix.O_RDWR|unix.O_NONBLOCK)
		_, err := unix.Write(fd, []byte("through"))
		s.step("write "+name, err)
		buf := make([]byte, 16)
		n, err := unix.Read(fd, buf)
		s.fact("read "+name, string(buf[:max(n, 0)]), " ", outcome(err))
		s.close(fd)
	}
	s.see("fifo")
	s.socket("sock")
	s.step("rename fifo", unix.Rename(s.p("fifo"), s.p("moved")))
	s.see("moved")
	s.see("fifo")
}

func (s *scene) socket(name string) {
	l, err := net.Listen("unix", s.p(name))
	if s.step("listen", err); err != nil {
		return
	}
	l.(*net.UnixListener).SetUnlinkOnClose(false)
	s.see(name)
	c, err := net.Dial("unix", s.p(name))
	if s.step("connect", err); err == nil {
		c.Close()
	}
	l.Close()
	_, err = net.Dial("unix", s.p(name))
	s.step("connect after", err)
	s.step("unlink socket", unix.Unlink(s.p(name)))
}
