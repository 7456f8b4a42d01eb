package main

import (
	"strings"

	"github.com/directfs/runsc/runsc/internal/e2e/layers"
	"golang.org/x/sys/unix"
)

// Cases of an overlay that are about names: making, linking and removing them.

func overlayLink(s *scene) {
	s.step("link f", unix.Link(s.p("f"), s.p("linked")))
	s.see("f")
	s.write("linked", unix.O_WRONLY|unix.O_APPEND, "by the other name\n")
	s.see("f")
	s.write("f", unix.O_WRONLY|unix.O_APPEND, "by the first name\n")
	s.see("linked")
	s.step("link u", unix.Link(s.p("u"), s.p("pure/u2")))
	s.see("pure/u2")
	s.step("unlink f", unix.Unlink(s.p("f")))
	s.see("linked")
	s.step("link over whiteout", unix.Link(s.p("linked"), s.p("f")))
	s.see("f")
	for _, name := range []string{"keep", "u", "pure", "ud", "link", "merged/one"} {
		s.step("link onto "+name, unix.Link(s.p("linked"), s.p(name)))
	}
	for _, name := range []string{"pure", "ud", "merged", "gone", "none"} {
		s.step("link of "+name, unix.Link(s.p(name), s.p("another")))
	}
	s.step("link of a link", unix.Link(s.p("link"), s.p("link2")))
	s.see("link2")
	s.step("link of fifo", unix.Link(s.p("fifo"), s.p("fifo2")))
	s.see("fifo2")
}

// overlayLinkAgain finds both names in the upper layer.
func overlayLinkAgain(s *scene) {
	s.see("f")
	s.write("f", unix.O_WRONLY|unix.O_APPEND, "again\n")
	s.see("linked")
	s.step("unlink linked", unix.Unlink(s.p("linked")))
	s.see("f")
}

// overlayLowerLinks writes to one of two names that are one file below.
func overlayLowerLinks(s *scene) {
	s.see("h1")
	s.write("h1", unix.O_WRONLY|unix.O_APPEND, "written by h1\n")
	s.see("h1")
	s.see("h2")
	s.step("link h2", unix.Link(s.p("h2"), s.p("h3")))
	s.see("h2")
	s.see("h1")
	s.step("unlink h2", unix.Unlink(s.p("h2")))
	s.see("h3")
	s.step("rename h1", unix.Rename(s.p("h1"), s.p("h4")))
	s.see("h4")
}

func overlaySymlink(s *scene) {
	for _, name := range []string{"link", "dirlink", "dangling", "absolute"} {
		s.see(name)
	}
	s.see("dirlink/a")
	s.see("dirlink/sub/x")
	s.see("absolute/x")
	for _, target := range []string{"f", "/proc/self/comm", "missing-target", "merged/../f"} {
		name := "to-" + strings.ReplaceAll(target, "/", "-")
		s.step("symlink "+name, unix.Symlink(target, s.p(name)))
		s.see(name)
		s.step("access "+name, unix.Access(s.p(name), unix.R_OK))
	}
	for _, name := range []string{"f", "link", "pure"} {
		s.step("symlink onto "+name, unix.Symlink("x", s.p(name)))
	}
	s.step("symlink over whiteout", unix.Symlink("keep", s.p("gone")))
	s.see("gone")
	s.write("link", unix.O_WRONLY|unix.O_APPEND, "through the link\n")
	s.see("f")
	s.see("link")
	s.write("dirlink/new", unix.O_WRONLY|unix.O_CREAT, "new\n")
	s.list("pure")
	s.step("unlink link", unix.Unlink(s.p("link")))
	s.write("link", unix.O_WRONLY|unix.O_CREAT, "a file now\n")
	s.see("link")
	s.step("rename over dangling", unix.Rename(s.p("keep"), s.p("dangling")))
	s.see("dangling")
	s.step("rename dirlink", unix.Rename(s.p("dirlink"), s.p("moved")))
	s.see("moved")
	s.step("rmdir by link", unix.Rmdir(s.p("moved")))
	s.step("unlink absolute", unix.Unlink(s.p("absolute")))
	s.see("absolute")
}

func overlayMkdir(s *scene) {
	for _, name := range []string{"new", "new/in", "pure/new", "merged/new", "gone", "early", "f", "pure", "link", "dangling", "none/new", "f/new"} {
		s.step("mkdir "+name, unix.Mkdir(s.p(name), 0o1775))
		s.see(name)
	}
	s.list("gone")
	s.list("merged")
}

func overlayUnlink(s *scene) {
	for _, name := range []string{"f", "u", "merged/one", "merged/two", "layered", layers.LongName, "h1", "fifo"} {
		s.step("unlink "+name, unix.Unlink(s.p(name)))
		s.see(name)
		s.step("unlink again "+name, unix.Unlink(s.p(name)))
	}
	s.list(".")
	s.list("merged")
	for _, name := range []string{"pure", "ud", "gone", "early", "f/x", "merged/gone"} {
		s.step("unlink "+name, unix.Unlink(s.p(name)))
	}
	for _, name := range []string{"f", "layered", "merged/two"} {
		s.write(name, unix.O_WRONLY|unix.O_CREAT|unix.O_EXCL, "made again\n")
		s.see(name)
	}
	s.step("unlink f made again", unix.Unlink(s.p("f")))
	s.see("f")
	s.see("h2")
}

// overlayUnlinkAgain finds whiteouts and what hides them in the upper layer.
func overlayUnlinkAgain(s *scene) {
	s.list(".")
	s.step("unlink layered", unix.Unlink(s.p("layered")))
	s.see("layered")
	s.step("mkdir f", unix.Mkdir(s.p("f"), 0o755))
	s.see("f")
	s.step("rmdir f", unix.Rmdir(s.p("f")))
	s.list(".")
}

func overlayRmdir(s *scene) {
	for _, name := range []string{"empty", "uempty", "pure", "merged", "ud", "both", "setgid", "f", "link", "gone", "hidden", "."} {
		s.step("rmdir "+name, unix.Rmdir(s.p(name)))
	}
	for _, name := range []string{"pure/a", "pure/sub/x"} {
		s.step("unlink "+name, unix.Unlink(s.p(name)))
	}
	s.step("rmdir pure/sub", unix.Rmdir(s.p("pure/sub")))
	s.see("pure")
	s.step("rmdir emptied", unix.Rmdir(s.p("pure")))
	s.see("pure")
	s.step("rmdir again", unix.Rmdir(s.p("pure")))
	s.step("unlink hidden/new", unix.Unlink(s.p("hidden/new")))
	s.step("rmdir hidden", unix.Rmdir(s.p("hidden")))
	s.step("unlink both/up", unix.Unlink(s.p("both/up")))
	s.step("unlink both/low", unix.Unlink(s.p("both/low")))
	s.step("rmdir both", unix.Rmdir(s.p("both")))
	s.list(".")
	s.step("mkdir empty", unix.Mkdir(s.p("empty"), 0o700))
	s.see("empty")
}

// overlayOpaque makes directories again whose old children must stay hidden.
func overlayOpaque(s *scene) {
	for _, name := range []string{"merged/one", "merged/two", "merged/three", "merged/four", "pure/a", "pure/sub/x"} {
		s.must("unlink", unix.Unlink(s.p(name)))
	}
	for _, name := range []string{"merged", "pure/sub", "pure"} {
		s.step("rmdir "+name, unix.Rmdir(s.p(name)))
	}
	for _, name := range []string{"merged", "pure", "pure/sub"} {
		s.step("mkdir "+name, unix.Mkdir(s.p(name), 0o755))
		s.see(name)
	}
	for _, name := range []string{"merged/one", "merged/gone", "pure/a", "pure/sub/x"} {
		s.see(name)
	}
	s.write("merged/one", unix.O_WRONLY|unix.O_CREAT|unix.O_EXCL, "new one\n")
	s.see("merged/one")
	s.list("merged")
	s.list("pure")
}

// overlayOpaqueAgain finds the opaque directories in the upper layer.
func overlayOpaqueAgain(s *scene) {
	s.list("merged")
	s.list("pure/sub")
	s.see("merged/two")
	s.step("unlink merged/one", unix.Unlink(s.p("merged/one")))
	s.step("rmdir merged", unix.Rmdir(s.p("merged")))
	s.see("merged")
	s.step("mkdir merged", unix.Mkdir(s.p("merged"), 0o755))
	s.list("merged")
}

// overlayWhiteouts sees what hides lower layers from each of the others.
func overlayWhiteouts(s *scene) {
	for _, name := range []string{"gone", "early", "merged/gone", "hidden/old", "back/old", "hidden/new", "back/new", "both/low", "both/up", "layered", "merged/one", "merged/two"} {
		s.see(name)
	}
	for _, name := range []string{".", "merged", "hidden", "back", "both"} {
		s.list(name)
	}
	for _, name := range []string{"gone", "early", "merged/gone", "hidden/old", "back/old"} {
		s.write(name, unix.O_WRONLY|unix.O_CREAT|unix.O_EXCL, "made\n")
		s.see(name)
		s.step("unlink "+name, unix.Unlink(s.p(name)))
		s.see(name)
	}
	s.list(".")
	s.list("hidden")
}

// overlayTypes sees and removes what is a file in one layer and a directory in
// another.
func overlayTypes(s *scene) {
	s.see("filedir")
	s.list("filedir")
	s.see("dirfile")
	s.see("dirfile/in")
	s.write("dirfile", unix.O_WRONLY|unix.O_APPEND, "more\n")
	s.see("dirfile")
	s.step("unlink dirfile", unix.Unlink(s.p("dirfile")))
	s.see("dirfile")
	s.step("mkdir dirfile", unix.Mkdir(s.p("dirfile"), 0o755))
	s.list("dirfile")
	s.step("unlink filedir/in", unix.Unlink(s.p("filedir/in")))
	s.step("rmdir filedir", unix.Rmdir(s.p("filedir")))
	s.see("filedir")
	s.write("filedir", unix.O_WRONLY|unix.O_CREAT, "a file again\n")
	s.see("filedir")
}

func overlayLong(s *scene) {
	long, other, tooLong := layers.LongName, strings.Repeat("o", 255), strings.Repeat("n", 256)
	s.see(long)
	s.write(long, unix.O_WRONLY|unix.O_APPEND, "more\n")
	s.see(long)
	s.step("rename", unix.Rename(s.p(long), s.p(other)))
	s.see(other)
	s.see(long)
	s.write(long, unix.O_WRONLY|unix.O_CREAT|unix.O_EXCL, "again\n")
	s.step("unlink", unix.Unlink(s.p(long)))
	s.see(long)
	s.step("mkdir", unix.Mkdir(s.p(long), 0o755))
	s.see(long)
	s.step("open too long", unix.Access(s.p(tooLong), unix.F_OK))
	s.step("mkdir too long", unix.Mkdir(s.p(tooLong), 0o755))
	s.step("rename too long", unix.Rename(s.p(other), s.p(tooLong)))
	s.step("link too long", unix.Link(s.p(other), s.p(tooLong)))
}
