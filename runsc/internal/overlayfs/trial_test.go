package overlayfs_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"

	"github.com/directfs/runsc/pkg/overlaymount"
	"github.com/directfs/runsc/pkg/overlaymount/inspect"
	"github.com/directfs/runsc/runsc/internal/overlayfs"
	"golang.org/x/sys/unix"
)

// trial is an overlay that is to be mounted and used, in the test's process or in
// a user namespace.
type trial struct{ Mount overlaymount.Mount }

// outcome is what the kernel did with a trial, and what was known beforehand. An
// error is its name, "" is none.
type outcome struct {
	Mount string   // mounting
	Log   []string // what the kernel said of it

	// What was done in the overlay, whose lower layer begins as filled: writing to
	// a lower file, renaming one, renaming a new directory, removing a lower
	// directory.
	CopyUp, RenameFile, RenameDir, Rmdir string

	// Entries are the names in the overlay's directory "shown".
	Entries string

	Facts overlaymount.Facts `json:"-"`
	Known string             // the same, as text

	Findings []overlaymount.Finding
}

// used are the outcomes of an overlay's use.
func (o outcome) used() string {
	return fmt.Sprintf("copy-up %q, rename file %q, rename directory %q, rmdir %q", o.CopyUp, o.RenameFile, o.RenameDir, o.Rmdir)
}

const works = `copy-up "", rename file "", rename directory "", rmdir ""`

// fill makes a lower layer to be used.
func fill(t testing.TB, dir string) string {
	t.Helper()
	for _, name := range []string{"written", "renamed", "removed/file", "shown/deleted"} {
		write(t, dir+"/"+name)
	}
	return dir
}

func write(t testing.TB, name string) {
	t.Helper()
	dir := name[:strings.LastIndexByte(name, '/')]
	if err := errors.Join(os.MkdirAll(dir, 0o755), os.WriteFile(name, []byte("lower\n"), 0o644)); err != nil {
		t.Fatal(err)
	}
}

// play mounts and uses the overlay.
func (tr trial) play() (o outcome) {
	o.Facts = inspect.Facts(tr.Mount, overlaymount.Host)
	o.Known = fmt.Sprintf("%+v", o.Facts)
	for _, f := range overlaymount.Check(tr.Mount, o.Facts, overlaymount.Host) {
		o.Findings = append(o.Findings, *f)
	}
	fd, err := tr.mount()
	if err != nil {
		o.Mount = errorName(err)
		var e *overlayfs.Error
		if errors.As(err, &e) {
			o.Log = append([]string{e.Step}, e.Log...)
		}
		return o
	}
	defer unix.Close(fd)
	o.Entries = entries(fd)
	o.CopyUp = errorName(appendTo(fd, "written"))
	o.RenameFile = errorName(unix.Renameat(fd, "renamed", fd, "renamed2"))
	o.RenameDir = errorName(errors.Join(unix.Mkdirat(fd, "new", 0o755), unix.Renameat(fd, "new", fd, "new2")))
	o.Rmdir = errorName(errors.Join(unix.Unlinkat(fd, "removed/file", 0), unix.Unlinkat(fd, "removed", unix.AT_REMOVEDIR)))
	return o
}

// mount opens the layers and mounts them.
func (tr trial) mount() (int, error) {
	s := overlayfs.Spec{Source: "the user's", Options: tr.Mount.Options}
	for _, l := range tr.Mount.Layers() {
		fd, err := unix.Open(l.Path, unix.O_PATH|unix.O_CLOEXEC, 0)
		if err != nil {
			return -1, err
		}
		defer unix.Close(fd)
		s.Layers = append(s.Layers, overlayfs.Layer{Role: l.Role, FD: fd})
	}
	return overlayfs.Mount(s)
}

func appendTo(dir int, name string) error {
	fd, err := unix.Openat(dir, name, unix.O_WRONLY|unix.O_APPEND|unix.O_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	_, err = unix.Write(fd, []byte("more\n"))
	return err
}

func entries(dir int) string {
	fd, err := unix.Openat(dir, "shown", unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return errorName(err)
	}
	f := os.NewFile(uintptr(fd), "shown")
	defer f.Close()
	names, _ := f.Readdirnames(-1)
	return strings.Join(names, " ")
}

// errorName is the name of a system call's error.
func errorName(err error) string {
	var errno unix.Errno
	switch {
	case err == nil:
		return ""
	case errors.Is(err, overlayfs.ErrReadOnly):
		return "read-only"
	case errors.As(err, &errno):
		return unix.ErrnoName(errno)
	}
	return err.Error()
}

// trialEnv has the trial that a process of the test is for.
const trialEnv = "RUNSC_OVERLAYFS_TRIAL"

func TestMain(m *testing.M) {
	text, ok := os.LookupEnv(trialEnv)
	if !ok {
		os.Exit(m.Run())
	}
	var tr trial
	if err := json.Unmarshal([]byte(text), &tr); err != nil {
		panic(err)
	}
	if err := json.NewEncoder(os.Stdout).Encode(tr.play()); err != nil {
		panic(err)
	}
}

// playAsUser plays the trial in a user namespace that has the host's root, and
// nobody else, and in a mount namespace of it.
func (tr trial) playAsUser(t testing.TB) (o outcome) {
	t.Helper()
	text, err := json.Marshal(tr)
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("/proc/self/exe")
	cmd.Env = append(os.Environ(), trialEnv+"="+string(text))
	ids := []syscall.SysProcIDMap{{ContainerID: 0, HostID: 0, Size: 1}}
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: unix.CLONE_NEWUSER | unix.CLONE_NEWNS, UidMappings: ids, GidMappings: ids}
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); err != nil {
		t.Fatalf("%v\n%s", err, &stderr)
	}
	if err := json.Unmarshal(stdout.Bytes(), &o); err != nil {
		t.Fatalf("%v: %s", err, &stdout)
	}
	return o
}
