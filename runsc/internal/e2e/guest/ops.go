package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/directfs/runsc/runsc/internal/e2e/guest/report"
	"golang.org/x/sys/unix"
)

// battery runs the file operations on one directory. Everything but the kept
// file happens in a directory of its own and is removed again.
type battery struct {
	dir  string // the directory under test
	work string // dir/ops.d
}

type step struct {
	name string
	run  func(b battery) error
}

// steps build on each other: each one finds what those before it left.
var steps = []step{
	{"mkdir", battery.mkdir},
	{"create", battery.create},
	{"write", battery.write},
	{"read", battery.read},
	{"truncate", battery.truncate},
	{"chmod", battery.chmod},
	{"utimes", battery.utimes},
	{"xattr", battery.xattr},
	{"rename", battery.rename},
	{"link", battery.link},
	{"symlink", battery.symlink},
	{"fifo", battery.fifo},
	{"statfs", battery.statfs},
	{"readdir", battery.readdir},
	{"unlink", battery.unlink},
	{"rmdir", battery.rmdir},
	{"keep", battery.keep},
}

func runOps(dirs []string) error {
	ops := allOps(dirs)
	for _, o := range ops {
		if err := printJSON(o); err != nil {
			return err
		}
	}
	return failed(ops)
}

func allOps(dirs []string) []report.Ops {
	// With no umask of its own, the guest sees whether another process's
	// umask gets between it and the host.
	defer unix.Umask(unix.Umask(0))
	ops := []report.Ops{}
	for _, d := range dirs {
		ops = append(ops, opsIn(d))
	}
	return ops
}

func opsIn(dir string) report.Ops {
	b := battery{dir: dir, work: filepath.Join(dir, "ops.d")}
	for _, s := range steps {
		if err := s.run(b); err != nil {
			return report.Ops{Dir: dir, Failed: fmt.Sprintf("%s: %v", s.name, err)}
		}
	}
	return report.Ops{Dir: dir, OK: true}
}

func (b battery) path(name string) string { return filepath.Join(b.work, name) }

func (b battery) mkdir() error {
	if err := os.Mkdir(b.work, 0o777); err != nil {
		return err
	}
	return checkMode(b.work, unix.S_IFDIR|0o777)
}

func (b battery) create() error {
	f, err := os.OpenFile(b.path("file"), os.O_CREATE|os.O_EXCL|os.O_RDWR, 0o666)
	if err != nil {
		return err
	}
	if err := f.Close(); err != nil {
		return err
	}
	return checkMode(b.path("file"), unix.S_IFREG|0o666)
}

// content is longer than a page, so that reads and writes are split.
var content = bytes.Repeat([]byte("0123456789abcdef"), 1024)

func (b battery) write() error {
	f, err := os.OpenFile(b.path("file"), os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	defer f.Close()
	if _, err := f.Write(content); err != nil {
		return err
	}
	return f.Sync()
}

func (b battery) read() error { return checkContent(b.path("file"), content) }

func (b battery) truncate() error {
	if err := os.Truncate(b.path("file"), 100); err != nil {
		return err
	}
	return checkContent(b.path("file"), content[:100])
}

func (b battery) chmod() error {
	for _, mode := range []uint32{0o642, 0o777, 0o600} {
		if err := unix.Chmod(b.path("file"), mode); err != nil {
			return err
		}
		if err := checkMode(b.path("file"), unix.S_IFREG|mode); err != nil {
			return err
		}
	}
	return nil
}

func (b battery) utimes() error {
	times := []unix.Timespec{{Sec: 1_000_000_000}, {Sec: 1_100_000_000, Nsec: 5000}}
	if err := unix.UtimesNanoAt(unix.AT_FDCWD, b.path("file"), times, 0); err != nil {
		return err
	}
	var st unix.Stat_t
	if err := unix.Stat(b.path("file"), &st); err != nil {
		return err
	}
	if st.Mtim != times[1] {
		return fmt.Errorf("mtime is %v, want %v", st.Mtim, times[1])
	}
	return nil
}

func (b battery) xattr() error {
	const name, value = "user.directfs", "some value"
	file := b.path("file")
	if err := unix.Setxattr(file, name, []byte(value), 0); err != nil {
		return fmt.Errorf("set: %w", err)
	}
	buf := make([]byte, 256)
	n, err := unix.Getxattr(file, name, buf)
	if err != nil {
		return fmt.Errorf("get: %w", err)
	}
	if string(buf[:n]) != value {
		return fmt.Errorf("get: %q, want %q", buf[:n], value)
	}
	n, err = unix.Listxattr(file, buf)
	if err != nil {
		return fmt.Errorf("list: %w", err)
	}
	if !bytes.Contains(buf[:n], []byte(name+"\x00")) {
		return fmt.Errorf("list: %q, want %q in it", buf[:n], name)
	}
	if err := unix.Removexattr(file, name); err != nil {
		return fmt.Errorf("remove: %w", err)
	}
	if _, err := unix.Getxattr(file, name, buf); !errors.Is(err, unix.ENODATA) {
		return fmt.Errorf("get after remove: %v, want %w", err, unix.ENODATA)
	}
	return nil
}
