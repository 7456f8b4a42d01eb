package gofer

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// An image's links lead to names that JSON cannot hold: the sandbox would be
// told of another name, and the two places would be one.
func TestLayoutRefusesWhatIsNotUTF8(t *testing.T) {
	p := newScene(t)
	p.must(os.Symlink("/x\xfe", filepath.Join(p.rootfs, "a")))
	p.must(os.Symlink("/x\xff/y", filepath.Join(p.rootfs, "b")))
	for _, destination := range []string{"/a", "/b/c"} {
		err := p.lay([]connection{p.root(), p.mount(p.source("s"), destination)})
		if err == nil || !strings.Contains(err.Error(), "UTF-8") {
			t.Errorf("%s: %v", destination, err)
		}
	}
	// On the way there it does no harm.
	p.must(os.Symlink("x\xff/../plain", filepath.Join(p.rootfs, "c")))
	conns := []connection{p.root(), p.mount(p.source("s"), "/c")}
	if err := p.lay(conns); err != nil || conns[1].path != "/plain" {
		t.Errorf("%s, %v", conns[1].path, err)
	}
}

// Of two mounts at one place the hidden one follows the host no further than
// the one that it has to show.
func TestHiddenMountFollowsAsTheOther(t *testing.T) {
	for _, follows := range [][2]bool{{true, false}, {false, true}} {
		t.Run(fmt.Sprint(follows), func(t *testing.T) {
			p := newScene(t)
			a, b := p.source("a"), p.source("b")
			p.must(os.Mkdir(filepath.Join(b, "later"), 0o755))
			p.must(unix.Mount(b, b, "", unix.MS_BIND, ""))
			t.Cleanup(func() { p.must(unix.Unmount(b, unix.MNT_DETACH)) })
			p.must(unix.Mount("", b, "", unix.MS_SHARED, ""))
			conns := []connection{p.root(), p.mount(a, "/m"), p.mount(b, "/m")}
			conns[1].Follows, conns[2].Follows = follows[0], follows[1]
			p.isolate(conns...)
			p.tmpfs(filepath.Join(b, "later"), "of later")
			want := ""
			if follows[1] {
				want = "of later"
			}
			for _, c := range conns[1:] {
				if got := p.list(c, "/later"); got != want {
					t.Errorf("shows %q, want %q", got, want)
				}
			}
		})
	}
}

// Somebody puts a link in the place of a mount point after it was found: hooks
// do not see the mount where that leads.
func TestShowFollowsNoLinks(t *testing.T) {
	p := newScene(t)
	for _, dir := range []string{"v/p/usr", "usr"} {
		p.must(os.MkdirAll(filepath.Join(p.rootfs, dir), 0o755))
	}
	conns := []connection{p.root(), p.mount(p.source("a"), "/v/p/usr")}
	p.must(p.lay(conns))
	p.must(os.Rename(filepath.Join(p.rootfs, "v/p"), filepath.Join(p.rootfs, "v/q")))
	p.must(os.Symlink("/", filepath.Join(p.rootfs, "v/p")))
	t.Cleanup(func() { p.must(unix.Unmount(p.rootfs, unix.MNT_DETACH)) })
	shown := []int{}
	for i := range conns {
		fd, err := conns[i].show(p.rootfs, shown)
		if want := []error{nil, unix.ELOOP}[i]; !errors.Is(err, want) {
			t.Errorf("showing %s: %v, want %v", conns[i].path, err, want)
		}
		shown = append(shown, fd)
	}
	closeAll(shown)
}

// Dots of a destination itself are removed before anything is looked up, as
// upstream and the plan do it: a link before them is not followed, and nothing
// is made for a name that they take back.
func TestLayoutCleansDestinations(t *testing.T) {
	p := newScene(t)
	p.must(os.MkdirAll(filepath.Join(p.rootfs, "real/dir"), 0o755))
	p.must(os.Symlink("/real/dir", filepath.Join(p.rootfs, "link")))
	conns := []connection{p.root(), p.mount(p.source("s"), "/link/../m"), p.mount(p.source("s"), "/none/../n/.")}
	if err := p.lay(conns); err != nil || conns[1].path != "/m" || conns[2].path != "/n" {
		t.Errorf("places %s and %s, %v", conns[1].path, conns[2].path, err)
	}
	if _, err := os.Stat(filepath.Join(p.rootfs, "none")); err == nil {
		t.Error("a directory was made for a name that dots take back")
	}
}
