package files

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

func read(t *testing.T, path string) File {
	t.Helper()
	f, err := Read(path)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func write(t *testing.T, path, text string, mode os.FileMode) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), mode); err != nil {
		t.Fatal(err)
	}
}

func names(t *testing.T, dir string) string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var all []string
	for _, e := range entries {
		all = append(all, e.Name())
	}
	return strings.Join(all, " ")
}

func TestApplyKeepsTheMode(t *testing.T) {
	file := filepath.Join(t.TempDir(), "f")
	write(t, file, "old", 0o604)
	if err := (Disk{}).Apply(Change{File: read(t, file), New: []byte("new")}); err != nil {
		t.Fatal(err)
	}
	if f := read(t, file); f.info.Mode() != 0o604 {
		t.Errorf("mode %v", f.info.Mode())
	}
}

func TestApplyKeepsWhatBelongsToAFile(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "real")
	write(t, file, "old", 0o604)
	link := filepath.Join(dir, "link")
	if err := os.Symlink("real", link); err != nil {
		t.Fatal(err)
	}
	owned := os.Geteuid() == 0
	if owned {
		if err := os.Chown(file, 12, 34); err != nil {
			t.Fatal(err)
		}
	}
	// Version 2: user and group, user 99 reads, mask, others.
	acl := []byte{2, 0, 0, 0, 1, 0, 6, 0, 255, 255, 255, 255, 2, 0, 4, 0, 99, 0, 0, 0, 4, 0, 0, 0, 255, 255, 255, 255,
		0x10, 0, 4, 0, 255, 255, 255, 255, 0x20, 0, 4, 0, 255, 255, 255, 255}
	const name = "system.posix_acl_access"
	hasACL := unix.Setxattr(file, name, acl, 0) == nil
	before, err := os.Stat(file)
	if err != nil {
		t.Fatal(err)
	}
	if err := (Disk{}).Apply(Change{File: read(t, link), New: []byte("new")}); err != nil {
		t.Fatal(err)
	}
	after := read(t, link)
	s := after.info.Sys().(*syscall.Stat_t)
	if string(after.Text) != "new" || after.info.Mode() != before.Mode() || owned && (s.Uid != 12 || s.Gid != 34) {
		t.Errorf("%q with mode %v of %d:%d, want %v", after.Text, after.info.Mode(), s.Uid, s.Gid, before.Mode())
	}
	if got := make([]byte, 100); hasACL {
		if n, err := unix.Getxattr(file, name, got); err != nil || string(got[:n]) != string(acl) {
			t.Errorf("access list %x, %v; want %x", got[:max(n, 0)], err, acl)
		}
	}
	if to, err := os.Readlink(link); err != nil || to != "real" || names(t, dir) != "link real" {
		t.Errorf("link to %q, %v; files: %s", to, err, names(t, dir))
	}
}

func TestApplyAFileThatIsNotThere(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "new")
	if err := (Disk{}).Apply(Change{File: read(t, file), New: []byte("x")}); err != nil {
		t.Fatal(err)
	}
	f := read(t, file)
	if f.info.Mode() != 0o644 {
		t.Errorf("mode %v", f.info.Mode())
	}
	if err := (Disk{}).Apply(Change{File: f, Remove: true}); err != nil || names(t, dir) != "" {
		t.Errorf("%v; left: %s", err, names(t, dir))
	}
}

// An editor has no lock.
func TestApplyRefusesWhatChangedMeanwhile(t *testing.T) {
	file := filepath.Join(t.TempDir(), "f")
	write(t, file, "old", 0o644)
	f := read(t, file)
	write(t, file, "edited", 0o644)
	err := Disk{}.Apply(Change{File: f, New: []byte("new")})
	if err == nil || !strings.Contains(err.Error(), "was changed by somebody else at the same time; nothing was written to it") {
		t.Error(err)
	}
	if got := read(t, file); string(got.Text) != "edited" {
		t.Errorf("%q", got.Text)
	}
}

// A step that fails, unlike a kill, leaves nothing behind.
func TestApplyCleansUp(t *testing.T) {
	for _, step := range []string{"create", "write", "attributes", "sync", "close", "rename"} {
		dir := t.TempDir()
		file := filepath.Join(dir, "f")
		write(t, file, "old", 0o644)
		d := Disk{Fault: func(s, _ string) error {
			if s == step {
				return unix.ENOSPC
			}
			return nil
		}}
		err := d.Apply(Change{File: read(t, file), New: []byte("new")})
		if !errors.Is(err, unix.ENOSPC) || !strings.Contains(err.Error(), "the old file is unchanged") {
			t.Errorf("%s: %v", step, err)
		}
		if got := read(t, file); string(got.Text) != "old" || names(t, dir) != "f" {
			t.Errorf("%s: %q, files %s", step, got.Text, names(t, dir))
		}
	}
}

func TestExplain(t *testing.T) {
	for err, want := range map[error]string{
		unix.EACCES: "run the command as root, or name a file of your own by --config_file",
		unix.EPERM:  "run the command as root",
		unix.EROFS:  "the file system is read-only",
		unix.EBUSY:  "a mount point of its own",
		unix.EIO:    "/f: x: input/output error",
	} {
		got := Explain("/f", &fs.PathError{Op: "x", Path: "y", Err: err})
		if !errors.Is(got, err) || !strings.Contains(strings.Replace(got.Error(), " y", "", 1), want) {
			t.Errorf("%v: %v", err, got)
		}
	}
	if Explain("/f", nil) != nil {
		t.Error("an error of none")
	}
}

// Runs that come at once write one after the other.
func TestLock(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "sub", "f")
	const runs = 20
	var all sync.WaitGroup
	for i := range runs {
		all.Go(func() {
			unlock, err := Lock([]string{file, filepath.Join(dir, "g"), file}, nil)
			if err != nil {
				t.Error(err)
				return
			}
			defer unlock()
			f, err := Read(file)
			if err == nil {
				err = Disk{}.Apply(Change{File: f, New: fmt.Appendf(f.Text, "%d\n", i)})
			}
			if err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	if n := strings.Count(string(read(t, file).Text), "\n"); n != runs {
		t.Errorf("%d lines of %d runs", n, runs)
	}
	if got := names(t, filepath.Dir(file)); got != "f" {
		t.Errorf("files: %s", got)
	}
}
