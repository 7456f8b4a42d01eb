package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"

	"github.com/directfs/runsc/runsc/internal/e2e/guest/report"
	"golang.org/x/sys/unix"
)

// scene is where the battery of semantics runs: in dir/scene, with a directory
// of another mount for what must not cross.
type scene struct {
	dir, root, other string
	steps            []report.Step
}

// runSemantics records what every operation answers, error for error. What is
// right is not known here: tests compare the record with that of another
// runtime.
func runSemantics(args []string) error {
	if err := want(args, 2); err != nil {
		return err
	}
	defer unix.Umask(unix.Umask(0o022))
	s := &scene{root: args[0], dir: filepath.Join(args[0], "scene"), other: args[1]}
	if err := os.Mkdir(s.dir, 0o777); err != nil {
		return err
	}
	for _, part := range []func(*scene){
		(*scene).directories, (*scene).names, (*scene).opens, (*scene).links, (*scene).renames, (*scene).modes,
		(*scene).sizes, (*scene).times, (*scene).xattrs, (*scene).special, (*scene).sticky, (*scene).contents,
	} {
		part(s)
	}
	if err := os.RemoveAll(s.dir); err != nil {
		return err
	}
	return printJSON(s.steps)
}

// p is a path in the scene.
func (s *scene) p(name string) string { return s.dir + "/" + name }

// step records an error by its name.
func (s *scene) step(name string, err error) {
	s.steps = append(s.steps, report.Step{Name: name, Result: outcome(err)})
}

// fact records what was seen.
func (s *scene) fact(name string, values ...any) {
	s.steps = append(s.steps, report.Step{Name: name, Result: fmt.Sprint(values...)})
}

func outcome(err error) string {
	var errno syscall.Errno
	switch {
	case err == nil:
		return "ok"
	case errors.As(err, &errno):
		return unix.ErrnoName(errno)
	}
	return err.Error()
}

// stat records what is the same for every run: no times, no inode numbers.
func (s *scene) stat(name string) {
	var st unix.Stat_t
	if err := unix.Lstat(s.p(name), &st); err != nil {
		s.step("stat "+name, err)
		return
	}
	size := st.Size
	if st.Mode&unix.S_IFMT == unix.S_IFDIR {
		size = 0 // the file system's own affair
	}
	s.fact("stat "+name, fmt.Sprintf("mode %o nlink %d uid %d gid %d size %d", st.Mode, st.Nlink, st.Uid, st.Gid, size))
}

// file makes a file with some content.
func (s *scene) file(name string) {
	s.step("make "+name, os.WriteFile(s.p(name), []byte("content"), 0o644))
}

func (s *scene) mkdir(name string) { s.step("mkdir "+name, unix.Mkdir(s.p(name), 0o755)) }

func (s *scene) open(name string, flags int) int {
	fd, err := unix.Open(s.p(name), flags, 0o640)
	s.step(fmt.Sprintf("open %s %#x", name, flags), err)
	return fd
}

func (s *scene) close(fd int) {
	if fd >= 0 {
		_ = unix.Close(fd)
	}
}

func (s *scene) directories() {
	s.mkdir("d")
	s.stat("d")
	s.mkdir("d")
	s.mkdir("missing/d")
	s.file("f")
	s.mkdir("f/d")
	s.mkdir("f")
	s.step("mkdir mode", unix.Mkdir(s.p("moded"), 0o7777))
	s.stat("moded")
	s.file("d/f")
	s.step("rmdir not empty", unix.Rmdir(s.p("d")))
	s.step("rmdir file", unix.Rmdir(s.p("f")))
	s.step("rmdir missing", unix.Rmdir(s.p("missing")))
	s.step("rmdir dot", unix.Rmdir(s.p("d/.")))
	s.step("rmdir dotdot", unix.Rmdir(s.p("d/..")))
	s.step("rmdir mount", unix.Rmdir(s.root))
	s.step("unlink directory", unix.Unlink(s.p("d")))
	s.step("unlink missing", unix.Unlink(s.p("missing")))
	s.step("unlink below file", unix.Unlink(s.p("f/x")))
	s.step("unlink slash", unix.Unlink(s.p("f/")))
	s.step("unlinkat bad flag", unix.Unlinkat(unix.AT_FDCWD, s.p("f"), 1))
	s.step("unlink", unix.Unlink(s.p("d/f")))
	s.step("rmdir", unix.Rmdir(s.p("d")))
	for i := range 100 {
		if err := os.WriteFile(s.p("moded/"+strconv.Itoa(i)), nil, 0o600); err != nil {
			s.step("many files", err)
		}
	}
	entries, err := os.ReadDir(s.p("moded"))
	s.fact("readdir", len(entries), " ", outcome(err))
}

func (s *scene) names() {
	long, tooLong := strings.Repeat("n", 255), strings.Repeat("n", 256)
	s.file(long)
	s.stat(long)
	s.file(tooLong)
	s.mkdir(tooLong)
	s.step("symlink too long", unix.Symlink("x", s.p(tooLong)))
	s.step("rename too long", unix.Rename(s.p(long), s.p(tooLong)))
	s.step("link too long", unix.Link(s.p(long), s.p(tooLong)))
	s.step("unlink too long", unix.Unlink(s.p(tooLong)))
	s.file(strings.Repeat("x/", 2100))
	s.stat(strings.Repeat("moded/../", 300) + "moded")
	for _, n := range []string{"with space", "new\nline", "ünïcödé", "back\\slash", "\xff\xfe", "-", "...", "a\tb"} {
		s.file(n)
		s.stat(n)
	}
	s.step("symlink to self", unix.Symlink("loop", s.p("loop")))
	s.step("symlink there", unix.Symlink("loop2", s.p("loop1")))
	s.step("symlink back", unix.Symlink("loop1", s.p("loop2")))
	for _, n := range []string{"loop", "loop1", "loop/x"} {
		s.open(n, unix.O_RDONLY)
	}
	s.step("chmod loop", unix.Chmod(s.p("loop"), 0o600))
	s.step("truncate loop", unix.Truncate(s.p("loop"), 0))
	s.step("mkdir in loop", unix.Mkdir(s.p("loop/d"), 0o700))
	deep := "deep"
	for range 40 {
		if err := unix.Mkdir(s.p(deep), 0o755); err != nil {
			s.step("mkdir "+deep, err)
		}
		deep += "/d"
	}
	s.step("mkdir deep", unix.Mkdir(s.p(deep), 0o755))
	s.file(deep + "/f")
	s.stat(deep + "/f")
}

// sticky needs another user, who is in a process of its own.
func (s *scene) sticky() {
	s.step("sticky", os.Mkdir(s.p("sticky"), 0o777))
	s.step("sticky mode", unix.Chmod(s.p("sticky"), 0o1777))
	s.file("sticky/roots")
	s.file("plain-roots")
	s.step("chmod plain-roots", unix.Chmod(s.p("plain-roots"), 0o600))
	s.as("unlink", "sticky/roots")
	s.as("create", "sticky/theirs")
	s.stat("sticky/theirs")
	s.as("unlink", "sticky/theirs")
	s.as("read", "plain-roots")
	s.as("chmod", "plain-roots")
	s.as("create", "theirs")
	s.as("chmod", "sticky")
	s.as("mkdir", "sticky/dir")
	s.stat("sticky/dir")
}

// as tries an operation as another user.
func (s *scene) as(op, name string) {
	cmd := exec.Command("/proc/self/exe", "try", op, s.p(name))
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 1000, Gid: 1000}}
	err := cmd.Run()
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		err = syscall.Errno(exit.ExitCode())
	}
	s.step(op+" "+name+" as another user", err)
}

func appendTo(path, text string) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_APPEND, 0)
	if err != nil {
		return err
	}
	_, err = f.WriteString(text)
	return errors.Join(err, f.Close())
}

// runTry exits with the number of the error.
func runTry(args []string) error {
	if err := want(args, 2); err != nil {
		return err
	}
	path := args[1]
	err := map[string]func() error{
		"unlink": func() error { return unix.Unlink(path) },
		"create": func() error { return os.WriteFile(path, nil, 0o666) },
		"read":   func() error { _, err := os.ReadFile(path); return err },
		"chmod":  func() error { return unix.Chmod(path, 0o777) },
		"append": func() error { return appendTo(path, "theirs\n") },
		"mkdir":  func() error { return unix.Mkdir(path, 0o777) },
	}[args[0]]()
	var errno syscall.Errno
	if errors.As(err, &errno) {
		os.Exit(int(errno))
	}
	return err
}
