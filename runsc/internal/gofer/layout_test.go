package gofer

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/directfs/runsc/directfspolicy"
	"github.com/directfs/runsc/runsc/internal/layout"
	"golang.org/x/sys/unix"
)

// A destination is resolved as a process in the container would, in the rootfs
// and in the mounts that are there already, and never outside.
func TestLayoutFindsPlaces(t *testing.T) {
	p := newScene(t)
	for link, to := range map[string]string{"abs": "/real/dir", "rel": "real", "up": "../../../real", "loop": "loop", "gone": "/not/there"} {
		p.must(os.Symlink(to, filepath.Join(p.rootfs, link)))
	}
	a := p.source("a")
	p.must(os.Symlink("/in-rootfs", filepath.Join(a, "link")))
	p.must(os.Symlink("..", filepath.Join(a, "back")))
	for destination, want := range map[string]string{
		"/plain": "/plain", "/x/../y/./z/": "/y/z", "/abs": "/real/dir", "/abs/d": "/real/dir/d", "/rel/d": "/real/d",
		"/up/d": "/real/d", "/../../d": "/d", "/gone/d": "/not/there/d", "/a/link/d": "/in-rootfs/d", "/a/back/d": "/d", "/a/sub": "/a/sub",
	} {
		conns := []connection{p.root(), p.mount(a, "/a"), p.mount(p.source("b"), destination)}
		if err := p.lay(conns); err != nil || conns[2].path != want {
			t.Errorf("%s leads to %s, %v, want %s", destination, conns[2].path, err, want)
		}
	}
	if _, err := os.Stat(filepath.Join(a, "sub")); err != nil {
		t.Errorf("the mount point in a mount is not in its source: %v", err)
	}
	if err := p.lay([]connection{p.root(), p.mount(a, "/loop/d")}); !errors.Is(err, unix.ELOOP) {
		t.Errorf("a loop: %v, want %v", err, unix.ELOOP)
	}
}

func TestLayoutRefuses(t *testing.T) {
	p := newScene(t)
	p.must(os.Symlink("/secrets", filepath.Join(p.rootfs, "cache")))
	p.must(os.Symlink("/", filepath.Join(p.rootfs, "all")))
	p.must(os.WriteFile(filepath.Join(p.rootfs, "file"), nil, 0o644))
	file := filepath.Join(p.source("f"), "of f")
	off := p.mount(p.source("b"), "/secrets")
	on := p.mount(p.source("a"), "/cache")
	on.decision.Access = directfspolicy.DirectFS
	exclusive := p.mount(p.source("c"), "/secrets")
	exclusive.decision.Cache = directfspolicy.CacheExclusive
	everything := p.mount(p.source("d"), "/all")
	everything.decision.Access = directfspolicy.DirectFS
	for name, tt := range map[string]struct {
		conns []connection
		want  string
	}{
		"on by a link over off": {[]connection{p.root(), off, on}, `mount "/cache" leads to "/secrets", where mount "/secrets" is`},
		"off over on by a link": {[]connection{p.root(), on, off}, `mount "/secrets" leads to "/secrets", where mount "/cache" is`},
		"other cache modes":     {[]connection{p.root(), off, exclusive}, "cache=exclusive"},
		"over the rootfs":       {[]connection{p.root(), everything}, "where the rootfs is"},
		"over one below":        {[]connection{p.root(), p.mount(p.source("a"), "/x/y"), p.mount(p.source("b"), "/x")}, layout.ErrHidden.Error()},
		"over all by a link":    {[]connection{p.root(), p.mount(p.source("a"), "/x/y"), p.mount(p.source("b"), "/all")}, layout.ErrHidden.Error()},
		"a directory on a file": {[]connection{p.root(), p.mount(p.source("a"), "/file")}, "source is a directory"},
		"a file on a directory": {[]connection{p.root(), p.mount(p.source("a"), "/x"), p.mount(file, "/x")}, "source is a file"},
		"a file as a directory": {[]connection{p.root(), p.mount(file, "/g"), p.mount(file, "/g/h")}, unix.ENOTDIR.Error()},
		"a source that is gone": {[]connection{p.root(), p.mount(p.sources+"/none", "/x")}, unix.ENOENT.Error()},
		"a rootfs that is gone": {[]connection{{source: p.rootfs + "/none", path: "/", tree: -1}}, unix.ENOENT.Error()},
	} {
		if err := p.lay(tt.conns); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: got %v, want %s", name, err, tt.want)
		}
	}
}

// Where nobody serves the rootfs, places are found in an empty one.
func TestLayoutWithoutRootfs(t *testing.T) {
	p := newScene(t)
	conns := []connection{p.mount(p.source("a"), "/a/b"), p.mount(p.source("c"), "/a/b/c/../d")}
	if err := p.lay(conns); err != nil || conns[0].path != "/a/b" || conns[1].path != "/a/b/d" {
		t.Errorf("places %s and %s, %v", conns[0].path, conns[1].path, err)
	}
}

// What is mounted at a destination in the process's own tree, or exchanged with
// it later, plays no part in what is served.
func TestServedIsFromTheSource(t *testing.T) {
	p := newScene(t)
	for _, dir := range []string{"x/m", "y/m"} {
		p.must(os.MkdirAll(filepath.Join(p.rootfs, dir), 0o755))
	}
	conns := []connection{p.root(), p.mount(p.source("a"), "/x/m"), p.mount(p.source("b"), "/y/m")}
	p.must(p.lay(conns))
	p.must(unix.Renameat2(unix.AT_FDCWD, filepath.Join(p.rootfs, "x"), unix.AT_FDCWD, filepath.Join(p.rootfs, "y"), unix.RENAME_EXCHANGE))
	p.must(restrict(conns))
	p.serve(conns)
	for i, want := range []string{"of the rootfs, x, y", "of a", "of b"} {
		if got := p.list(conns[i], ""); got != want {
			t.Errorf("%s shows %q, want %q", conns[i].path, got, want)
		}
	}
}

// A mount whose source is what the host has mounted in another's source keeps
// its place there.
func TestSubmountIsAlsoASource(t *testing.T) {
	p := newScene(t)
	srv := p.source("srv")
	p.tmpfs(filepath.Join(srv, "disk"), "of the disk")
	conns := p.isolate(p.root(), p.mount(srv, "/a"), p.mount(filepath.Join(srv, "disk"), "/a/disk"))
	for i, below := range map[int]string{1: "/disk", 2: ""} {
		if got := p.list(conns[i], below); got != "of the disk" {
			t.Errorf("%s%s shows %q", conns[i].path, below, got)
		}
	}
}
