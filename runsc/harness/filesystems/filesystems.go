// Package filesystems makes file systems for tests: real ones, of the kernel that
// the tests run on, in images that are mounted until the test ends.
package filesystems

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// Kind is a file system as the kernel calls it in /proc/filesystems.
type Kind string

// The file systems that can be made.
const (
	Ext4     Kind = "ext4"
	XFS      Kind = "xfs"
	Btrfs    Kind = "btrfs"
	Squashfs Kind = "squashfs"
	EROFS    Kind = "erofs"
	Ramfs    Kind = "ramfs"
	Tmpfs    Kind = "tmpfs"
	Overlay  Kind = "overlay"
	FUSE     Kind = "fuse"
)

// Kinds are all that can be made.
var Kinds = []Kind{Ext4, XFS, Btrfs, Squashfs, EROFS, Ramfs, Tmpfs, Overlay, FUSE}

// Options say what a file system is made of. The zero value is an empty one.
type Options struct {
	// Dir is where the image and the mount point are kept, a directory that is
	// removed with what is in it. Empty: one of the test's.
	Dir string

	// Content is a directory. squashfs and erofs hold a copy of it, overlay has it
	// as its lower layer, and fuse passes it through. The others begin empty.
	Content string
}

// New makes a file system and returns the directory at which it is mounted, in
// the mount namespace of the test, until the test ends.
//
// Without root the test is skipped, and where the kernel lacks the file system.
// It fails where only a tool is missing.
func New(t testing.TB, kind Kind, o Options) string {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skipf("mounting %s takes root", kind)
	}
	if !slices.Contains(Kinds, kind) {
		t.Fatalf("unknown file system %q, want one of %v", kind, Kinds)
	}
	if err := missing(kind); err != nil {
		t.Fatal(err)
	}
	if err := inKernel(kind); err != nil {
		t.Skip(err)
	}
	base := o.Dir
	if base == "" {
		base = t.TempDir()
	}
	base, err := os.MkdirTemp(base, string(kind)+"-")
	if err != nil {
		t.Fatal(err)
	}
	m := maker{t, base, o.Content}
	if m.content == "" {
		m.content = m.mkdir("content")
	}
	at := m.mkdir("at")
	makers[kind](m, at)
	return at
}

// inKernel says why the kernel has no such file system, after a try to load it.
func inKernel(kind Kind) error {
	if has(kind) {
		return nil
	}
	out, err := exec.Command("modprobe", "fs-"+string(kind)).CombinedOutput()
	if has(kind) {
		return nil
	}
	return fmt.Errorf("the kernel has no %s (/proc/filesystems), and modprobe gives %v: %s", kind, err, out)
}

func has(kind Kind) bool {
	text, err := os.ReadFile("/proc/filesystems")
	return err == nil && strings.Contains(string(text), "\t"+string(kind)+"\n")
}

// maker makes one file system.
type maker struct {
	t       testing.TB
	base    string
	content string
}

var makers = map[Kind]func(m maker, at string){
	Ext4:  func(m maker, at string) { m.image(at, Ext4, 4<<20, "mkfs.ext4", "-q", "-F", "-O", "^has_journal") },
	XFS:   func(m maker, at string) { m.image(at, XFS, 300<<20, "mkfs.xfs", "-q") }, // its minimum
	Btrfs: func(m maker, at string) { m.image(at, Btrfs, 110<<20, "mkfs.btrfs", "-q") },
	Squashfs: func(m maker, at string) {
		m.packed(at, Squashfs, "mksquashfs", m.content, m.file(), "-quiet", "-no-progress")
	},
	EROFS:   func(m maker, at string) { m.packed(at, EROFS, "mkfs.erofs", "--quiet", m.file(), m.content) },
	Ramfs:   func(m maker, at string) { m.mount("none", at, Ramfs, "") },
	Tmpfs:   func(m maker, at string) { m.mount("none", at, Tmpfs, "") },
	Overlay: maker.overlay,
	FUSE:    maker.fuse,
}

func (m maker) file() string { return filepath.Join(m.base, "image") }

func (m maker) mkdir(name string) string {
	m.t.Helper()
	dir := filepath.Join(m.base, name)
	if err := os.Mkdir(dir, 0o755); err != nil {
		m.t.Fatal(err)
	}
	return dir
}

func (m maker) run(name string, args ...string) {
	m.t.Helper()
	cmd := exec.Command(name, args...)
	if out, err := cmd.CombinedOutput(); err != nil {
		m.t.Fatalf("%v: %v\n%s", cmd, err, out)
	}
}

// image makes a file system in a sparse file.
func (m maker) image(at string, kind Kind, size int64, mkfs string, args ...string) {
	m.t.Helper()
	if err := os.WriteFile(m.file(), nil, 0o600); err != nil {
		m.t.Fatal(err)
	}
	if err := os.Truncate(m.file(), size); err != nil {
		m.t.Fatal(err)
	}
	m.packed(at, kind, mkfs, append(args, m.file())...)
}

// packed mounts the image that a tool writes, on a loop device that goes away
// when it is unmounted.
func (m maker) packed(at string, kind Kind, tool string, args ...string) {
	m.t.Helper()
	m.run(tool, args...)
	m.run("mount", "-t", string(kind), "-o", "loop", m.file(), at)
	m.unmountLater(at)
}

func (m maker) mount(source, at string, kind Kind, options string) {
	m.t.Helper()
	if err := unix.Mount(source, at, string(kind), 0, options); err != nil {
		m.t.Fatalf("mounting %s: %v", kind, err)
	}
	m.unmountLater(at)
}

func (m maker) unmountLater(at string) {
	m.t.Cleanup(func() {
		if err := unix.Unmount(at, 0); err != nil {
			m.t.Errorf("unmounting %s: %v", at, err)
			_ = unix.Unmount(at, unix.MNT_DETACH)
		}
	})
}

// overlay has its upper layer on tmpfs, as the test's own directory may be on an
// overlay, which cannot have one.
func (m maker) overlay(at string) {
	m.t.Helper()
	m.mount("none", m.mkdir("layers"), Tmpfs, "")
	upper, work := m.mkdir("layers/upper"), m.mkdir("layers/work")
	m.mount("overlay", at, Overlay, "lowerdir="+escape(m.content)+",upperdir="+upper+",workdir="+work)
}

// escape writes a path as overlayfs reads it in lowerdir.
func escape(path string) string {
	return strings.NewReplacer(`\`, `\\`, `:`, `\:`, `,`, `\,`).Replace(path)
}
