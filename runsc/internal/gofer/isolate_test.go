package gofer

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/directfs/runsc/runsc/internal/isolation"
	"github.com/moby/sys/mountinfo"
	"golang.org/x/sys/unix"
)

func TestIsolateShowsEachMountAlone(t *testing.T) {
	p := newScene(t)
	root := p.root()
	a := p.mount(p.source("a"), "/a")
	b := p.mount(p.source("b"), "/a/b") // made in the source of /a
	c := p.mount(p.source("c"), "/a/b/c")
	off := p.mount(p.source("off"), "/off")
	off.donate = false
	conns := p.isolate(root, a, b, c, off)
	for i, want := range []string{"a, of the rootfs, off", "b, of a", "c, of b", "of c", "of off"} {
		c := conns[i]
		if got := p.list(c, ""); got != want {
			t.Errorf("%s shows %q, want %q", c.path, got, want)
		}
		for _, up := range []string{"/..", "/../../.."} {
			if got := p.list(c, up); c.donate && got != "" {
				t.Errorf("%s of %s shows %q, want nothing", up, c.path, got)
			}
		}
	}
	for i, below := range map[int]string{0: "/a", 1: "/b", 2: "/c"} {
		if got := p.list(conns[i], below); got != "" {
			t.Errorf("%s of %s shows %q, want nothing", below, conns[i].path, got)
		}
	}
}

// What is mounted in a bind's source is part of the bind, however deep, but
// never what the container mounts there.
func TestIsolateKeepsSubmounts(t *testing.T) {
	p := newScene(t)
	source := p.source("a")
	for _, sub := range []string{"sub", "sub/sub"} {
		p.tmpfs(filepath.Join(source, sub), "of sub")
	}
	conns := p.isolate(p.mount(source, "/a"), p.mount(p.source("b"), "/a/sub/sub/b"))
	for below, want := range map[string]string{"": "of a, sub", "/sub": "of sub, sub", "/sub/sub": "b, of sub", "/sub/sub/b": "", "/sub/sub/../../..": ""} {
		if got := p.list(conns[0], below); got != want {
			t.Errorf("/a%s shows %q, want %q", below, got, want)
		}
	}
}

// A donated tree must be a mount to no system call; a sandbox that unshares a
// user and a mount namespace would have the capability for them all.
func TestIsolatedTreeIsNoMount(t *testing.T) {
	p := newScene(t)
	a := p.mount(p.source("a"), "/a")
	a.ReadOnly = true
	conns := p.isolate(a)
	fd, _ := treeFD(conns[0].served)
	for _, path := range []string{"", isolation.CopyName} {
		attr := unix.MountAttr{Attr_clr: unix.MOUNT_ATTR_RDONLY}
		_, clone := unix.OpenTree(fd, path, unix.OPEN_TREE_CLONE|unix.AT_EMPTY_PATH)
		for what, err := range map[string]error{
			"open_tree":     clone,
			"move_mount":    unix.MoveMount(fd, path, unix.AT_FDCWD, "/old", unix.MOVE_MOUNT_F_EMPTY_PATH),
			"mount_setattr": unix.MountSetattr(fd, path, unix.AT_EMPTY_PATH, &attr),
			"umount":        unix.Unmount(servedDir+conns[0].served, unix.MNT_DETACH),
		} {
			if !errors.Is(err, unix.EINVAL) {
				t.Errorf("%s of %q: %v, want %v", what, path, err, unix.EINVAL)
			}
		}
	}
	if err := os.Mkdir(servedDir+conns[0].served+"/made", 0o755); !errors.Is(err, unix.EROFS) {
		t.Errorf("mkdir: %v, want %v", err, unix.EROFS)
	}
}

func TestIsolateReadOnly(t *testing.T) {
	p := newScene(t)
	source := p.source("a")
	p.tmpfs(filepath.Join(source, "sub"), "of sub")
	file := filepath.Join(p.source("f"), "of f")
	for _, donate := range []bool{true, false} {
		t.Run("", func(t *testing.T) {
			p := &scene{tb: t, rootfs: p.rootfs, sources: p.sources}
			a, f, w := p.mount(source, "/a"), p.mount(file, "/f"), p.mount(source, "/w")
			a.ReadOnly, f.ReadOnly = true, true
			a.donate, f.donate = donate, donate
			conns := p.isolate(a, f, w)
			for _, path := range []string{conns[0].served + "/made", conns[0].served + "/sub/made", conns[1].served} {
				if fd, err := unix.Open(servedDir+path, unix.O_CREAT|unix.O_RDWR, 0o600); err != unix.EROFS {
					t.Errorf("opening %s for writing: %d, %v, want %v", path, fd, err, unix.EROFS)
				}
			}
			// The same source stays writable through the other mount.
			p.must(os.WriteFile(servedDir+conns[2].served+"/sub/made", nil, 0o600))
		})
	}
}

func TestIsolateFiles(t *testing.T) {
	p := newScene(t)
	file := filepath.Join(p.source("f"), "of f")
	p.must(os.WriteFile(file, []byte("content"), 0o644))
	conns := p.isolate(p.root(), p.mount(file, "/dir/file"))
	if got, err := os.ReadFile(servedDir + conns[1].served); err != nil || string(got) != "content" {
		t.Errorf("the file has %q, %v", got, err)
	}
	if got, err := os.ReadFile(servedDir + conns[0].served + "/dir/file"); err != nil || len(got) != 0 {
		t.Errorf("in the rootfs, the file has %q, %v", got, err)
	}
}

// Of two mounts at one destination, the one on top is what both show, as it is
// without isolation.
func TestIsolateTwoAtOneDestination(t *testing.T) {
	p := newScene(t)
	conns := p.isolate(p.root(), p.mount(p.source("lower"), "/a"), p.mount(p.source("upper"), "/a"))
	for _, c := range conns[1:] {
		if got := p.list(c, ""); got != "of upper" {
			t.Errorf("%s shows %q", c.path, got)
		}
	}
	if got := p.list(conns[0], "/a"); got != "" {
		t.Errorf("the rootfs shows %q in /a", got)
	}
}

func TestIsolateStrangeNames(t *testing.T) {
	p := newScene(t)
	conns := []connection{p.root()}
	names := []string{"with space", "tab\tand\nnewline", `back\slash`, `\040`, "ünïcödé 漢字", "comma,s", "#", `"quotes"`, "trailing "}
	for _, n := range names {
		conns = append(conns, p.mount(p.source(n), "/"+n+"/in"))
	}
	conns = p.isolate(conns...)
	for i, n := range names {
		if got := p.list(conns[i+1], ""); got != "of "+n {
			t.Errorf("%q shows %q", n, got)
		}
		if got := p.list(conns[0], "/"+n+"/in"); got != "" {
			t.Errorf("the rootfs shows %q in %q", got, n)
		}
	}
}

// Mounts from one directory are told apart by where they are, and all are kept
// out of those above.
func TestIsolateOneSource(t *testing.T) {
	p := newScene(t)
	source := p.source("a")
	p.must(os.MkdirAll(filepath.Join(source, "in"), 0o755))
	conns := p.isolate(p.mount(source, "/a"), p.mount(source, "/b"), p.mount(source, "/a/in"))
	for i, want := range []string{"in, of a", "in, of a", "in, of a"} {
		if got := p.list(conns[i], ""); got != want {
			t.Errorf("%s shows %q, want %q", conns[i].path, got, want)
		}
	}
	if got := p.list(conns[0], "/in"); got != "" {
		t.Errorf("/a/in shows %q in /a", got)
	}
}

// The process's mounts are left as they were, but for what is served.
func TestIsolateLeavesNothing(t *testing.T) {
	p := newScene(t)
	conns := []connection{p.root(), p.mount(p.source("a"), "/a"), p.mount(p.source("b"), "/a/b")}
	points := func() []string {
		t.Helper()
		mounts, err := mountinfo.GetMounts(nil)
		p.must(err)
		var points []string
		for _, m := range mounts {
			points = append(points, m.Mountpoint)
		}
		return points
	}
	before := points()
	p.isolate(conns...)
	after := slices.DeleteFunc(points(), func(m string) bool { return strings.HasPrefix(m, servedDir+"/"+isolation.LinksName) })
	if !slices.Equal(after, before) {
		t.Errorf("mounts were\n%q\nand are\n%q", before, after)
	}
	for i, c := range conns {
		if c.tree >= 0 {
			t.Errorf("connection %d keeps the FD of its copy", i)
		}
	}
}
