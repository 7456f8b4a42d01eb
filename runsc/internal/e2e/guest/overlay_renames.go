package main

import "golang.org/x/sys/unix"

// Cases of an overlay that are about renaming.

// rename renames and sees both names.
func (s *scene) rename(from, to string, flags uint) {
	s.step("rename "+from+" to "+to, unix.Renameat2(unix.AT_FDCWD, s.p(from), unix.AT_FDCWD, s.p(to), flags))
	s.see(from)
	s.see(to)
}

func overlayRenameFile(s *scene) {
	for _, pair := range [][2]string{
		{"f", "renamed"}, {"renamed", "keep"}, {"u", "renamed"}, {"renamed", "layered"}, {"layered", "f"}, {"f", "f"},
		{"merged/one", "merged/two"}, {"merged/two", "pure/a"}, {"big", "gone"}, {"owned", "early"},
		{"h1", "h2"}, {"none", "x"}, {"keep", "none/x"}, {"keep", "keep/x"}, {"keep", "pure"}, {"keep", "ud"}, {"link", "f"}, {"keep", "dirlink"},
	} {
		s.rename(pair[0], pair[1], 0)
	}
	s.list(".")
	s.list("merged")
}

// overlayRenameLowerDir renames what is not in the upper layer alone. Linux does
// so with the option redirect_dir only.
func overlayRenameLowerDir(s *scene) {
	for _, pair := range [][2]string{
		{"pure", "renamed"}, {"merged", "renamed-merged"}, {"both", "renamed-both"}, {"empty", "renamed-empty"}, {"hidden", "uempty"},
		{"filedir", "renamed-filedir"}, {"pure/sub", "sub"},
	} {
		s.rename(pair[0], pair[1], 0)
	}
	s.list(".")
}

func overlayRenameDir(s *scene) {
	s.must("mkdir", unix.Mkdir(s.p("new"), 0o755))
	s.write("new/x", unix.O_WRONLY|unix.O_CREAT, "x\n")
	for _, pair := range [][2]string{
		{"ud", "renamed"}, {"renamed", "uempty"}, {"uempty", "empty"}, {"empty", "pure"}, {"empty", "merged"}, {"empty", "both"},
		{"empty", "empty"}, {"merged", "merged"}, {"empty", "empty/in"}, {"merged", "merged/in"}, {"empty", "f"}, {"empty", "u"},
		{"empty", "gone"}, {"new", "early"}, {"early", "none/x"}, {"early", "pure/new"}, {"pure/new", "merged/gone"},
	} {
		s.rename(pair[0], pair[1], 0)
	}
	for _, name := range []string{"merged/gone", "pure", "gone"} {
		s.list(name)
	}
	// A directory made again does not show what was below its new name.
	s.must("unlink", unix.Unlink(s.p("hidden/new")))
	s.step("rmdir hidden", unix.Rmdir(s.p("hidden")))
	s.rename("merged/gone", "hidden", 0)
	s.list("hidden")
}

// overlayRenameDirAgain finds the renamed directories in the upper layer.
func overlayRenameDirAgain(s *scene) {
	s.list("gone")
	s.list("hidden")
	s.rename("hidden", "hidden2", 0)
	s.list("hidden2")
	s.see("empty")
}

func overlayNoReplace(s *scene) {
	for _, pair := range [][2]string{
		{"f", "keep"}, {"f", "u"}, {"f", "gone"}, {"u", "early"}, {"ud", "empty"}, {"ud", "moved"}, {"pure", "moved-pure"}, {"f", "link"}, {"none", "x"},
	} {
		s.rename(pair[0], pair[1], unix.RENAME_NOREPLACE)
	}
	s.list(".")
}

func overlayExchange(s *scene) {
	for _, pair := range [][2]string{
		{"f", "keep"}, {"f", "u"}, {"u", "ud"}, {"ud", "uempty"}, {"pure", "empty"}, {"merged", "f"}, {"f", "gone"}, {"none", "f"},
		{"link", "f"}, {"u", "u"}, {"layered", "merged/one"},
	} {
		s.rename(pair[0], pair[1], unix.RENAME_EXCHANGE)
	}
	s.list(".")
	s.rename("f", "keep", unix.RENAME_EXCHANGE|unix.RENAME_NOREPLACE)
	s.rename("f", "keep", 1<<10)
}

// overlayWhiteoutFlag asks for a whiteout as only overlays do of their layers.
func overlayWhiteoutFlag(s *scene) {
	s.rename("f", "moved", unix.RENAME_WHITEOUT)
	s.rename("u", "keep", unix.RENAME_WHITEOUT)
	s.list(".")
}
