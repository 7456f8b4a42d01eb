package main

import (
	"crypto/sha256"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/directfs/runsc/runsc/internal/e2e/guest/report"
	"github.com/directfs/runsc/runsc/internal/e2e/layers"
	"golang.org/x/sys/unix"
)

// overlayTree records everything below a directory that the union defines.
func overlayTree(dir string) ([]report.Step, error) { return treeOf(dir, dir) }

// overlayLayerMarks records what hides something below in the directory of a layer:
// whiteouts, and directories that an attribute marks.
func overlayLayerMarks(dir string) ([]report.Step, error) {
	var steps []report.Step
	err := filepath.WalkDir(dir, func(path string, _ fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		var marks []string
		var st unix.Stat_t
		if err := unix.Lstat(path, &st); err != nil {
			return err
		}
		if st.Mode&unix.S_IFMT == unix.S_IFCHR && st.Rdev == 0 {
			marks = append(marks, "whiteout")
		}
		for _, name := range []string{"opaque", "redirect", "metacopy"} {
			for _, dialect := range []layers.Dialect{layers.Trusted, layers.User} {
				if _, err := unix.Lgetxattr(path, dialect.Mark(name), make([]byte, 256)); err == nil {
					marks = append(marks, dialect.Mark(name))
				}
			}
		}
		if len(marks) > 0 {
			steps = append(steps, report.Step{Name: "mark " + named(dir, path), Result: strings.Join(marks, " ")})
		}
		return nil
	})
	return steps, err
}

// overlayChanged is overlayTree of the scenes alone in which overlayAgain went on.
func overlayChanged(dir string) ([]report.Step, error) {
	var steps []report.Step
	for _, c := range overlayAgain {
		some, err := treeOf(dir, filepath.Join(dir, c.scene))
		if err != nil {
			return nil, err
		}
		steps = append(steps, some...)
	}
	return steps, nil
}

func treeOf(dir, sub string) ([]report.Step, error) {
	var steps []report.Step
	err := filepath.WalkDir(sub, func(path string, _ fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		steps = append(steps, report.Step{Name: "tree " + named(dir, path), Result: describe(path, false) + " " + userXattrs(path)})
		return nil
	})
	return steps, err
}

// named is the name in a directory.
func named(dir, path string) string {
	return strings.ReplaceAll(strings.TrimPrefix(path, dir), layers.LongName, "LONG")
}

// describe says of a file what the union defines: neither inode numbers nor
// times, nor the links and the size of directories. It counts the entries of a
// directory if it is asked to.
func describe(path string, count bool) string {
	var st unix.Stat_t
	if err := unix.Lstat(path, &st); err != nil {
		return outcome(err)
	}
	about := fmt.Sprintf("%04o %d:%d", st.Mode&^unix.S_IFMT, st.Uid, st.Gid)
	switch st.Mode & unix.S_IFMT {
	case unix.S_IFDIR:
		if !count {
			return "directory " + about
		}
		entries, err := os.ReadDir(path)
		if err != nil {
			return fmt.Sprintf("directory %s %s", about, outcome(err))
		}
		return fmt.Sprintf("directory %s of %d", about, len(entries))
	case unix.S_IFLNK:
		target, err := os.Readlink(path)
		return fmt.Sprintf("link %s %q %s", about, target, outcome(err))
	case unix.S_IFREG:
		return fmt.Sprintf("file %s links %d %s", about, st.Nlink, contentOf(path, st.Size))
	}
	return fmt.Sprintf("type %o %s links %d rdev %d", st.Mode&unix.S_IFMT, about, st.Nlink, st.Rdev)
}

func contentOf(path string, size int64) string {
	content, err := os.ReadFile(path)
	switch {
	case err != nil:
		return outcome(err)
	case int64(len(content)) != size:
		return fmt.Sprintf("size %d, but %d bytes", size, len(content))
	case size > 64:
		return fmt.Sprintf("size %d hash %.4x", size, sha256.Sum256(content))
	}
	return fmt.Sprintf("%q", content)
}

// userXattrs are the attributes that a container may have.
func userXattrs(path string) string {
	buf := make([]byte, 4096)
	n, err := unix.Llistxattr(path, buf)
	if err != nil {
		return outcome(err)
	}
	var all []string
	for name := range strings.SplitSeq(strings.TrimRight(string(buf[:n]), "\x00"), "\x00") {
		if strings.HasPrefix(name, "user.") {
			value := make([]byte, 256)
			n, err := unix.Lgetxattr(path, name, value)
			all = append(all, fmt.Sprintf("%s=%q", name, value[:max(n, 0)]))
			if err != nil {
				all = append(all, outcome(err))
			}
		}
	}
	slices.Sort(all)
	return fmt.Sprint(all)
}

// namesOf sorts names, and says where one is there twice.
func namesOf(entries []fs.DirEntry) string {
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
	}
	slices.Sort(names)
	all := strings.Join(names, " ")
	if len(slices.Compact(names)) != len(entries) {
		all += " with duplicates"
	}
	return strings.ReplaceAll(all, layers.LongName, "LONG")
}

// overlayLayers sees the names from each layer of an overlay of many
// ([layers.Deep]), and the contents from some, the first and the last among them.
func overlayLayers(dir string) ([]report.Step, error) {
	s := &scene{root: dir, dir: dir}
	s.see("all")
	entries, err := os.ReadDir(s.p("d"))
	s.fact("directory", namesOf(entries), " ", outcome(err))
	for n := 0; n < len(entries); n += 9 {
		s.see("d/own-" + strconv.Itoa(n))
	}
	return numbered("layers", s.steps), nil
}

// overlayMount records how the directory is mounted.
func overlayMount(dir string) ([]report.Step, error) {
	mounts, err := readMounts()
	m, _ := report.Report{Mounts: mounts}.Mount(dir)
	return []report.Step{{Name: "mount", Result: fmt.Sprintf("type %s directfs %v read-only %v", m.Type, m.Has("directfs"), m.Has("ro"))}}, err
}
