// Package files replaces configuration files as a whole: whoever reads one, and
// whatever is killed meanwhile, finds the old text or the new one.
package files

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"

	"golang.org/x/sys/unix"
)

// File is a configuration file, which may not be there.
type File struct {
	// Path is how the user calls it, and Target where its symbolic links lead.
	// The target is replaced, so that the links stay.
	Path, Target string
	// Text is what is in it, and Exists whether it is there.
	Text   []byte
	Exists bool

	info os.FileInfo
}

// Change is what becomes of a file.
type Change struct {
	File
	New    []byte
	Remove bool
}

// Changes reports whether there is anything to do.
func (c Change) Changes() bool {
	if c.Remove {
		return c.Exists
	}
	return !c.Exists || !bytes.Equal(c.Text, c.New)
}

// Resolve returns where a path leads. A link to nothing is refused: who made it
// meant another file than the one that would appear.
func Resolve(path string) (string, error) {
	target, err := filepath.EvalSymlinks(path)
	if err == nil {
		return target, nil
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return "", fmt.Errorf("%s: %w", path, err)
	}
	if to, err := os.Readlink(path); err == nil {
		return "", fmt.Errorf("%s is a symbolic link to %q, which is not there; make that file, or remove the link", path, to)
	}
	// The directory may be a link, or not be there.
	if dir, err := filepath.EvalSymlinks(filepath.Dir(path)); err == nil {
		return filepath.Join(dir, filepath.Base(path)), nil
	}
	return path, nil
}

// Read reads a file.
func Read(path string) (File, error) {
	target, err := Resolve(path)
	if err != nil {
		return File{}, err
	}
	f := File{Path: path, Target: target}
	if f.info, err = os.Stat(target); errors.Is(err, fs.ErrNotExist) {
		return f, nil
	} else if err != nil {
		return File{}, Explain(path, err)
	}
	if !f.info.Mode().IsRegular() {
		return File{}, fmt.Errorf("%s is not a regular file (%v); name the configuration file by --config_file", path, f.info.Mode().Type())
	}
	f.Exists = true
	if f.Text, err = os.ReadFile(target); err != nil {
		return File{}, Explain(path, err)
	}
	return f, nil
}

// Disk makes changes. The zero value is ready.
type Disk struct {
	// Fault, if set, is asked before each step, and an error ends the work
	// there. Tests have it, to stand for a kill.
	Fault func(step, path string) error
}

func (d Disk) do(step, path string, f func() error) error {
	if d.Fault != nil {
		if err := d.Fault(step, path); err != nil {
			return err
		}
	}
	return f()
}

// leftover is what a run that was killed leaves. It has a fixed name, so that
// the next run finds it, and no ending by which a client would read it.
func leftover(target string) string {
	return filepath.Join(filepath.Dir(target), "."+filepath.Base(target)+".runsc-install.tmp")
}

// Leftover returns the temporary file that a killed run has left beside a file.
func (f File) Leftover() (string, bool) {
	name := leftover(f.Target)
	_, err := os.Lstat(name)
	return name, err == nil
}

// RemoveLeftover removes it. Only who holds the lock may.
func (d Disk) RemoveLeftover(f File) error {
	name := leftover(f.Target)
	return d.do("remove leftover", name, func() error { return os.Remove(name) })
}

// Apply makes one change, whole or not at all.
func (d Disk) Apply(c Change) error {
	if !c.Changes() {
		return nil
	}
	// Editors do not take our lock.
	now, err := Read(c.Path)
	if err != nil {
		return err
	}
	if now.Exists != c.Exists || !bytes.Equal(now.Text, c.Text) || now.Target != c.Target {
		return fmt.Errorf("%s was changed by somebody else at the same time; nothing was written to it, run the command again", c.Path)
	}
	if c.Remove {
		err = d.do("remove", c.Target, func() error { return os.Remove(c.Target) })
	} else {
		err = d.replace(c)
	}
	if err != nil {
		return Explain(c.Path, err)
	}
	return Explain(c.Path, d.syncDir(filepath.Dir(c.Target)))
}

// replace writes a temporary file and renames it.
func (d Disk) replace(c Change) (err error) {
	tmp := leftover(c.Target)
	var f *os.File
	if err := d.do("create", tmp, func() (err error) {
		f, err = os.OpenFile(tmp, os.O_WRONLY|os.O_CREATE|os.O_EXCL|unix.O_NOFOLLOW, 0o600)
		return err
	}); err != nil {
		return err
	}
	defer func() {
		f.Close() // a second time where all went well
		if err != nil {
			d.do("remove leftover", tmp, func() error { return os.Remove(tmp) })
		}
	}()
	steps := []struct {
		name string
		do   func() error
	}{
		{"write", func() error { _, err := f.Write(c.New); return err }},
		{"attributes", func() error { return c.keep(f) }},
		{"sync", f.Sync},
		{"close", f.Close},
		{"rename", func() error { return os.Rename(tmp, c.Target) }},
	}
	for _, s := range steps {
		if err := d.do(s.name, tmp, s.do); err != nil {
			return err
		}
	}
	return nil
}

// keep gives a new file the owner, access list, label and mode of the old one.
func (f File) keep(to *os.File) error {
	if !f.Exists {
		return to.Chmod(0o644)
	}
	s := f.info.Sys().(*syscall.Stat_t)
	if now, err := to.Stat(); err != nil {
		return err
	} else if n := now.Sys().(*syscall.Stat_t); n.Uid != s.Uid || n.Gid != s.Gid {
		if err := to.Chown(int(s.Uid), int(s.Gid)); err != nil {
			return err
		}
	}
	for _, name := range []string{"system.posix_acl_access", "security.selinux"} {
		if err := copyAttribute(f.Target, to, name); err != nil {
			return fmt.Errorf("attribute %s: %w", name, err)
		}
	}
	// Last: a change of owner clears bits.
	return to.Chmod(f.info.Mode().Perm())
}

func copyAttribute(from string, to *os.File, name string) error {
	value := make([]byte, 64<<10) // the kernel's limit
	n, err := unix.Getxattr(from, name, value)
	if errors.Is(err, unix.ENODATA) || errors.Is(err, unix.ENOTSUP) {
		return nil
	}
	if err != nil {
		return err
	}
	return unix.Fsetxattr(int(to.Fd()), name, value[:n], 0)
}

func (d Disk) syncDir(dir string) error {
	return d.do("sync directory", dir, func() error {
		f, err := os.Open(dir)
		if err != nil {
			return err
		}
		defer f.Close()
		return f.Sync()
	})
}

// Explain adds to an error of the system what to do about it.
func Explain(path string, err error) error {
	var todo string
	switch {
	case err == nil:
		return nil
	case errors.Is(err, fs.ErrPermission):
		todo = "run the command as root, or name a file of your own by --config_file"
	case errors.Is(err, unix.EROFS):
		todo = "the file system is read-only; change the configuration where it is made, or name another file by --config_file"
	case errors.Is(err, unix.EBUSY):
		todo = "the file is a mount point of its own and cannot be replaced; run the command where it is mounted from"
	case errors.Is(err, unix.ENOSPC), errors.Is(err, unix.EDQUOT):
		todo = "free some space; the old file is unchanged"
	default:
		return fmt.Errorf("%s: %w", path, err)
	}
	return fmt.Errorf("%s: %w; %s", path, err, todo)
}
