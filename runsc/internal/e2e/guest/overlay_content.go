package main

import (
	"os"
	"os/exec"
	"slices"

	"golang.org/x/sys/unix"
)

// Cases of an overlay that are about opening and content.

func overlayCreate(s *scene) {
	s.write("new", unix.O_CREAT|unix.O_EXCL|unix.O_WRONLY, "new\n")
	s.see("new")
	for _, name := range []string{"f", "u", "gone", "early", "dangling", "pure", "link"} {
		s.close(s.open(name, unix.O_CREAT|unix.O_EXCL|unix.O_RDWR))
	}
	s.see("gone")
	s.see("early")
	s.see("f")
	s.write("dangling", unix.O_CREAT|unix.O_WRONLY, "through a link\n")
	s.see("missing")
	s.close(s.open("pure/new", unix.O_CREAT|unix.O_EXCL|unix.O_RDWR))
	s.see("pure")
	s.close(s.open("none/new", unix.O_CREAT|unix.O_RDWR))
	s.close(s.open("f/new", unix.O_CREAT|unix.O_RDWR))
	s.close(s.open("pure", unix.O_CREAT|unix.O_RDWR))
}

func overlayAppend(s *scene) {
	s.write("f", unix.O_WRONLY|unix.O_APPEND, "appended\n")
	s.see("f")
	s.write("u", unix.O_WRONLY|unix.O_APPEND, "appended\n")
	s.see("u")
	s.write("owned", unix.O_WRONLY|unix.O_APPEND, "appended\n")
	s.see("owned")
	s.see("keep")
}

// overlayAppendAgain finds the file in the upper layer.
func overlayAppendAgain(s *scene) {
	s.see("f")
	s.write("f", unix.O_WRONLY|unix.O_APPEND, "again\n")
	s.see("f")
	s.write("keep", unix.O_WRONLY|unix.O_APPEND, "copied up later\n")
	s.see("keep")
}

func overlayTruncate(s *scene) {
	s.step("truncate f", unix.Truncate(s.p("f"), 3))
	s.see("f")
	s.step("extend keep", unix.Truncate(s.p("keep"), 10))
	s.see("keep")
	s.step("truncate through a link", unix.Truncate(s.p("link"), 1))
	s.see("f")
	s.step("truncate a directory", unix.Truncate(s.p("pure"), 0))
	s.step("truncate a whiteout", unix.Truncate(s.p("gone"), 0))
	fd := s.open("big", unix.O_RDWR)
	s.step("ftruncate big", unix.Ftruncate(fd, 5000))
	s.close(fd)
	s.see("big")
}

func overlayOpenTruncate(s *scene) {
	s.close(s.open("f", unix.O_WRONLY|unix.O_TRUNC))
	s.see("f")
	s.write("big", unix.O_WRONLY|unix.O_TRUNC|unix.O_CREAT, "short\n")
	s.see("big")
	s.close(s.open("owned", unix.O_RDWR|unix.O_TRUNC))
	s.see("owned")
}

func overlayWriteMiddle(s *scene) {
	fd := s.open("big", unix.O_RDWR)
	_, err := unix.Pwrite(fd, []byte("in the middle"), 9000)
	s.step("pwrite", err)
	s.read("beginning", fd)
	s.close(fd)
	s.see("big")
	fd = s.open("big", unix.O_WRONLY)
	_, err = unix.Pwrite(fd, []byte("far"), 1<<20)
	s.step("pwrite far", err)
	s.close(fd)
	s.see("big")
}

func overlayFallocate(s *scene) {
	fd := s.open("f", unix.O_RDWR)
	s.step("fallocate", unix.Fallocate(fd, 0, 0, 100))
	s.step("punch", unix.Fallocate(fd, unix.FALLOC_FL_PUNCH_HOLE|unix.FALLOC_FL_KEEP_SIZE, 0, 4))
	s.close(fd)
	s.see("f")
	fd = s.open("keep", unix.O_RDONLY)
	s.step("fallocate read-only FD", unix.Fallocate(fd, 0, 0, 100))
	s.close(fd)
}

func overlayOpen(s *scene) {
	for _, flags := range []int{unix.O_RDONLY, unix.O_RDWR, unix.O_PATH, unix.O_DIRECTORY, unix.O_NOFOLLOW, unix.O_NOATIME} {
		for _, name := range []string{"f", "pure", "merged", "link", "gone", "filedir", "dirfile", "merged/gone", "hidden/old"} {
			s.close(s.open(name, flags))
		}
	}
	s.see("f") // opened for writing, unchanged
	for _, mode := range []uint32{unix.R_OK, unix.W_OK, unix.X_OK} {
		for _, name := range []string{"f", "closed", "owned", "pure", "gone"} {
			s.step("access "+name, unix.Access(s.p(name), mode))
		}
	}
}

// overlayDeepPath copies directories up on the way, as they are.
func overlayDeepPath(s *scene) {
	s.write("pure/sub/x", unix.O_WRONLY|unix.O_APPEND, "more\n")
	for _, name := range []string{"pure", "pure/sub", "pure/sub/x", "pure/a"} {
		s.see(name)
	}
	s.step("mkdir", unix.Mkdir(s.p("pure/sub/deeper"), 0o711))
	s.write("pure/sub/deeper/y", unix.O_WRONLY|unix.O_CREAT, "y\n")
	s.list("pure/sub")
}

func overlaySync(s *scene) {
	for _, name := range []string{"f", "u", "pure", "merged"} {
		fd := s.open(name, unix.O_RDONLY)
		s.step("fsync "+name, unix.Fsync(fd))
		s.step("fdatasync "+name, unix.Fdatasync(fd))
		s.step("syncfs "+name, unix.Syncfs(fd))
		s.close(fd)
	}
	fd := s.open("f", unix.O_RDWR|unix.O_DSYNC)
	_, err := unix.Write(fd, []byte("written"))
	s.step("write O_DSYNC", err)
	s.step("fsync", unix.Fsync(fd))
	s.step("fdatasync", unix.Fdatasync(fd))
	s.close(fd)
	s.see("f")
}

// overlayCopy copies from a lower to the upper layer in the kernel.
func overlayCopy(s *scene) {
	from, to := s.open("big", unix.O_RDONLY), s.open("copy", unix.O_CREAT|unix.O_RDWR)
	n, err := unix.CopyFileRange(from, nil, to, nil, 4096, 0)
	s.fact("copy_file_range", n, " ", outcome(err))
	n, err = unix.Sendfile(to, from, nil, 1000)
	s.fact("sendfile", n, " ", outcome(err))
	s.close(from)
	s.close(to)
	s.see("copy")
	s.see("big")
}

// overlayExecute runs a program that was written to the overlay.
func overlayExecute(s *scene) {
	program, err := os.ReadFile("/proc/self/exe")
	s.must("read the program", err)
	s.step("write", os.WriteFile(s.p("program"), program, 0o755))
	s.step("run", exec.Command(s.p("program"), "exit", "0").Run())
	s.step("unlink", unix.Unlink(s.p("program")))
	s.step("run lower file", exec.Command(s.p("f")).Run())
}

func overlayLocks(s *scene) {
	a, b := s.open("f", unix.O_RDONLY), s.open("f", unix.O_RDONLY)
	s.step("flock", unix.Flock(a, unix.LOCK_EX|unix.LOCK_NB))
	s.step("flock again", unix.Flock(b, unix.LOCK_SH|unix.LOCK_NB))
	c := s.open("f", unix.O_RDWR) // copied up
	s.step("flock after copy-up", unix.Flock(c, unix.LOCK_SH|unix.LOCK_NB))
	s.step("unlock", unix.Flock(a, unix.LOCK_UN))
	s.step("flock of the other", unix.Flock(c, unix.LOCK_EX|unix.LOCK_NB))
	for _, fd := range slices.Backward([]int{a, b, c}) {
		s.close(fd)
	}
}
