package main

import (
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// Cases of an overlay that are about files that stay open or mapped.

func overlayMapShared(s *scene) {
	fd := s.open("f", unix.O_RDWR)
	m, err := unix.Mmap(fd, 0, 8, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
	if s.step("mmap", err); err == nil {
		copy(m, "MAPPED")
		s.step("msync", unix.Msync(m, unix.MS_SYNC))
		s.read("by the same FD", fd)
		other := s.open("f", unix.O_RDONLY)
		s.read("by another FD", other)
		s.close(other)
		_, err := unix.Pwrite(fd, []byte("w"), 0)
		s.step("pwrite", err)
		s.fact("in the mapping", string(m))
		s.step("munmap", unix.Munmap(m))
	}
	s.close(fd)
	s.see("f")
}

// overlayMapPrivate maps a lower file and copies it up then.
func overlayMapPrivate(s *scene) {
	for _, flags := range []int{unix.MAP_PRIVATE, unix.MAP_SHARED} {
		name := map[int]string{unix.MAP_PRIVATE: "f", unix.MAP_SHARED: "keep"}[flags]
		old := s.open(name, unix.O_RDONLY)
		m, err := unix.Mmap(old, 0, 4, unix.PROT_READ, flags)
		if s.step("mmap "+name, err); err != nil {
			continue
		}
		s.fact("mapped before", string(m))
		s.write(name, unix.O_WRONLY, "NEW!")
		s.fact("mapped after copy-up", string(m))
		s.read("old FD", old)
		now := s.open(name, unix.O_RDONLY)
		s.read("new FD", now)
		again, err := unix.Mmap(now, 0, 4, unix.PROT_READ, flags)
		if s.step("mmap again", err); err == nil {
			s.fact("mapped anew", string(again))
			s.must("munmap", unix.Munmap(again))
		}
		s.must("munmap", unix.Munmap(m))
		s.close(old)
		s.close(now)
	}
}

// overlayOldFD has a lower file open while it is copied up.
func overlayOldFD(s *scene) {
	old := s.open("f", unix.O_RDONLY)
	unread := s.open("keep", unix.O_RDONLY)
	path := s.open("owned", unix.O_PATH)
	s.read("before", old)
	s.write("f", unix.O_WRONLY|unix.O_APPEND, "appended\n")
	s.write("keep", unix.O_WRONLY|unix.O_TRUNC, "other\n")
	s.read("old FD after append", old)
	s.read("old FD after truncate", unread)
	var st unix.Stat_t
	err := unix.Fstat(old, &st)
	s.fact("size by old FD ", st.Size, " ", outcome(err))
	s.step("fchmod by old FD", unix.Fchmod(old, 0o600))
	s.see("f")
	s.step("chmod", unix.Chmod(s.p("owned"), 0o600))
	err = unix.Fstat(path, &st)
	s.fact("mode by O_PATH", fmt.Sprintf("%o ", st.Mode&0o7777), outcome(err))
	s.step("fchown by old FD", unix.Fchown(unread, 5, 6))
	s.see("keep")
	s.close(old)
	s.close(unread)
	s.close(path)
}

// overlayOldDirFD has a lower directory open while it is copied up.
func overlayOldDirFD(s *scene) {
	d := s.open("pure", unix.O_RDONLY|unix.O_DIRECTORY)
	fd, err := unix.Openat(d, "made", unix.O_CREAT|unix.O_RDWR, 0o644)
	s.step("openat", err)
	s.close(fd)
	s.list("pure")
	s.step("unlinkat", unix.Unlinkat(d, "a", 0))
	s.step("mkdirat", unix.Mkdirat(d, "dir", 0o755))
	s.fact("by the old FD", readNames(d))
	s.step("renameat", unix.Renameat(d, "made", d, "moved"))
	s.list("pure")
	s.step("fchdir", unix.Fchdir(d))
	s.step("relative", os.WriteFile("relative", nil, 0o644))
	s.must("chdir back", os.Chdir("/"))
	s.see("pure/relative")
	s.close(d)
}

func overlayTmpfile(s *scene) {
	fd := s.open(".", unix.O_TMPFILE|unix.O_RDWR)
	_, err := unix.Write(fd, []byte("temporary\n"))
	s.step("write", err)
	s.step("linkat", unix.Linkat(unix.AT_FDCWD, fmt.Sprintf("/proc/self/fd/%d", fd), unix.AT_FDCWD, s.p("linked"), unix.AT_SYMLINK_FOLLOW))
	s.close(fd)
	s.see("linked")
	fd = s.open("pure", unix.O_TMPFILE|unix.O_WRONLY|unix.O_EXCL)
	s.step("linkat O_EXCL", unix.Linkat(unix.AT_FDCWD, fmt.Sprintf("/proc/self/fd/%d", fd), unix.AT_FDCWD, s.p("no"), unix.AT_SYMLINK_FOLLOW))
	s.close(fd)
}

// overlayUnlinked uses files after their names are gone.
func overlayUnlinked(s *scene) {
	for _, name := range []string{"f", "u", "keep"} {
		flags := unix.O_RDWR
		if name == "keep" {
			flags = unix.O_RDONLY
		}
		fd := s.open(name, flags)
		s.step("unlink "+name, unix.Unlink(s.p(name)))
		var st unix.Stat_t
		err := unix.Fstat(fd, &st)
		s.fact("links of "+name, st.Nlink, " ", outcome(err))
		_, err = unix.Write(fd, []byte("after"))
		s.step("write "+name, err)
		s.read("content of "+name, fd)
		s.step("fchmod "+name, unix.Fchmod(fd, 0o600))
		s.step("link of FD", unix.Linkat(unix.AT_FDCWD, fmt.Sprintf("/proc/self/fd/%d", fd), unix.AT_FDCWD, s.p("again-"+name), unix.AT_SYMLINK_FOLLOW))
		s.close(fd)
		s.see(name)
	}
}

// overlayRenameOpen writes to a file that is renamed while it is open.
func overlayRenameOpen(s *scene) {
	old, both := s.open("f", unix.O_RDONLY), s.open("keep", unix.O_RDWR)
	s.step("rename", unix.Rename(s.p("f"), s.p("g")))
	s.write("g", unix.O_WRONLY|unix.O_APPEND, "more\n")
	s.read("old FD", old)
	s.step("rename keep", unix.Rename(s.p("keep"), s.p("kept")))
	_, err := unix.Write(both, []byte("KEPT"))
	s.step("write by FD", err)
	s.close(old)
	s.close(both)
	for _, name := range []string{"f", "g", "keep", "kept"} {
		s.see(name)
	}
}
