package inspect

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/directfs/runsc/pkg/overlaymount"
	"github.com/directfs/runsc/runsc/harness/filesystems"
	"golang.org/x/sys/unix"
)

// These tests mount, which takes root.

func ext4(t *testing.T) string {
	t.Helper()
	return filesystems.New(t, filesystems.Ext4, filesystems.Options{})
}

// mount mounts until the test ends. Without a type it binds.
func mount(t *testing.T, source, target, kind, options string) {
	t.Helper()
	flags := uintptr(0)
	if kind == "" {
		flags = unix.MS_BIND
	}
	if err := unix.Mount(source, target, kind, flags, options); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := unix.Unmount(target, 0); err != nil {
			t.Error(err)
		}
	})
}

// A bind mount's files are below what is above its root in the file system, and
// below what is above the place where it is mounted.
func TestAboveBindMount(t *testing.T) {
	dir, place := ext4(t), t.TempDir()
	layer := mkdir(t, dir, "a/b/c")
	mount(t, mkdir(t, dir, "a/b"), place, "", "")
	want := []overlaymount.Identity{identity(t, dir+"/a/b"), identity(t, dir+"/a"), identity(t, dir)}
	alias := lower(place + "/c")
	if alias.Identity != identity(t, layer) || alias.MountID == lower(layer).MountID {
		t.Errorf("%+v", alias)
	}
	if len(alias.Above) < 3 || !slices.Equal(alias.Above[:3], want) || !slices.Contains(alias.Above, identity(t, filepath.Dir(place))) {
		t.Errorf("above: %v, want %v first, and then those of the place", alias.Above, want)
	}
	// What hides the way is not above it.
	mount(t, "none", dir+"/a", "tmpfs", "")
	mkdir(t, dir, "a/b/c")
	above := lower(place + "/c").Above
	if slices.Contains(above, identity(t, dir+"/a")) || !slices.Contains(above, identity(t, place)) {
		t.Errorf("above a hidden one: %v", above)
	}
}

func TestReadOnlyMount(t *testing.T) {
	dir, place, other := ext4(t), t.TempDir(), t.TempDir()
	mount(t, dir, place, "", "")
	mount(t, dir, other, "", "")
	if d := lower(place); d.ReadOnly || !d.Writable || d.Filesystem != "ext4" {
		t.Errorf("%+v", d)
	}
	if err := unix.Mount("", place, "", unix.MS_REMOUNT|unix.MS_BIND|unix.MS_RDONLY, ""); err != nil {
		t.Fatal(err)
	}
	if d := lower(place); !d.ReadOnly || d.Writable {
		t.Errorf("a read-only mount: %+v", d)
	}
	if d := lower(other); d.ReadOnly || !d.Writable {
		t.Errorf("another mount: %+v", d)
	}
	if err := unix.Mount("", dir, "", unix.MS_REMOUNT|unix.MS_RDONLY, ""); err != nil {
		t.Fatal(err)
	}
	if d := lower(other); !d.ReadOnly || d.Writable {
		t.Errorf("a mount of a read-only file system: %+v", d)
	}
}

func TestSubmountsBelow(t *testing.T) {
	dir := ext4(t)
	layer, beside := mkdir(t, dir, "layer"), mkdir(t, dir, "layer2")
	below := mkdir(t, layer, "a/below")
	mount(t, "none", below, "tmpfs", "")
	mount(t, "none", mkdir(t, below, "deeper"), "tmpfs", "")
	mount(t, "none", beside, "tmpfs", "")
	if d := lower(layer); !slices.Equal(d.Submounts, []string{below, below + "/deeper"}) {
		t.Errorf("%q", d.Submounts)
	}
	place := t.TempDir()
	mount(t, layer, place, "", "")
	if d := lower(place); len(d.Submounts) > 0 {
		t.Errorf("a bind mount, which is without them: %q", d.Submounts)
	}
	mount(t, "none", layer, "tmpfs", "")
	if d := lower(layer); len(d.Submounts) > 0 {
		t.Errorf("hidden ones: %q", d.Submounts)
	}
}

func TestStackedOn(t *testing.T) {
	dir := ext4(t)
	ram := filesystems.New(t, filesystems.Ramfs, filesystems.Options{})
	plain, place := mkdir(t, dir, "plain"), func() string { return t.TempDir() }
	over := func(options string, lowers ...string) string {
		at := place()
		mount(t, "overlay", at, "overlay", "lowerdir="+strings.Join(lowers, ":")+options)
		return at
	}
	export := fmt.Sprintf(",upperdir=%s,workdir=%s,index=on,nfs_export=on", mkdir(t, dir, "u"), mkdir(t, dir, "w"))
	one, exported, noHandles := over("", plain, dir+"/u"), over(export, plain), over("", ram, plain)
	replaced := mkdir(t, dir, "replaced")
	ofReplaced := over("", replaced, plain)
	mount(t, "overlay", replaced, "overlay", "lowerdir="+plain+":"+ram)
	for name, want := range map[string]int{
		plain: 0, one: 1, exported: 1, noHandles: 1, ofReplaced: 1, replaced: 1,
		over("", one, plain): 2, over("", plain, one): 2, over("", exported, plain): 2, over("", noHandles, plain): 2,
	} {
		if d := lower(name); d.StackedOn != want {
			t.Errorf("%s: %d, want %d", name, d.StackedOn, want)
		}
	}
	// As docker's: relative to where the mounter was.
	t.Chdir(dir)
	if d := lower(over("", "plain", "u")); d.StackedOn != 1 {
		t.Errorf("relative layers: %d", d.StackedOn)
	}
}

func setxattr(t *testing.T, name, key string) {
	t.Helper()
	if err := unix.Lsetxattr(name, key, []byte("y"), 0); err != nil {
		t.Fatal(err)
	}
}

func TestAttributes(t *testing.T) {
	dir := filesystems.New(t, filesystems.XFS, filesystems.Options{})
	fresh := 0
	layer := func(marked, key string) (root, want string) {
		fresh++
		root = mkdir(t, dir, fmt.Sprint(fresh))
		want = mkdir(t, root, marked)
		setxattr(t, want, key)
		return root, want
	}
	for _, marked := range []string{"", "entry"} {
		for key, want := range map[string]string{
			"trusted.overlay.opaque": "trusted", "trusted.overlay.origin": "trusted", "user.overlay.redirect": "user",
			"trusted.overlays": "", "user.mime": "", "trusted.other.overlay.opaque": "",
		} {
			root, path := layer(marked, key)
			other := mkdir(t, root+".other")
			for _, m := range []overlaymount.Mount{{Lower: []string{root}}, {Lower: []string{other}, Upper: root, Work: other}} {
				d := Facts(m, overlaymount.Host).Layers[root]
				if d.Trusted != "" != (want == "trusted") || d.User != "" != (want == "user") || d.Trusted+d.User != "" && d.Trusted+d.User != path {
					t.Errorf("%s at %q: trusted %q, user %q", key, marked, d.Trusted, d.User)
				}
			}
		}
	}
	root, _ := layer("deeper/down", "trusted.overlay.opaque")
	if d := lower(root); d.Trusted != "" {
		t.Errorf("below the first level: %q", d.Trusted)
	}
	root, _ = layer("", "trusted.overlay.opaque")
	for i := range 40 {
		setxattr(t, root, fmt.Sprintf("user.%0*d", 200, i))
	}
	if d := lower(root); d.Trusted != root {
		t.Errorf("among many attributes: %q", d.Trusted)
	}
}

// The look at entries ends.
func TestAttributesBounded(t *testing.T) {
	dir := filesystems.New(t, filesystems.Tmpfs, filesystems.Options{})
	for i := range maxLowerEntries {
		mkdir(t, dir, "many", fmt.Sprint(i))
	}
	marked := mkdir(t, dir, "marked")
	setxattr(t, mkdir(t, marked, "entry"), "trusted.overlay.opaque")
	m := overlaymount.Mount{Lower: []string{dir + "/many", marked}}
	if d := Facts(m, overlaymount.Host).Layers[marked]; d.Trusted != "" {
		t.Errorf("behind too many: %q", d.Trusted)
	}
	slices.Reverse(m.Lower)
	if d := Facts(m, overlaymount.Host).Layers[marked]; d.Trusted == "" {
		t.Error("before them: nothing")
	}
}

func TestMounted(t *testing.T) {
	dir, at := ext4(t), t.TempDir()
	upper, work := mkdir(t, dir, "upper"), mkdir(t, dir, "work")
	mount(t, "overlay", at, "overlay", "lowerdir="+mkdir(t, dir, "lower")+",upperdir="+upper+",workdir="+work)
	want := overlaymount.Mounted{Mountpoint: at, Upper: identity(t, upper), Work: identity(t, work)}
	if f := Facts(overlaymount.Mount{}, overlaymount.Host); !slices.Contains(f.Mounted, want) || f.UserNamespace || f.NoOverlay != "" {
		t.Errorf("%+v, want %+v", f, want)
	}
}

// btrfs has other devices in stat(2) than in the list of locks.
func TestLockedByOnBtrfs(t *testing.T) {
	dir := filesystems.New(t, filesystems.Btrfs, filesystems.Options{})
	f, err := os.Open(mkdir(t, dir, "a"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if err := errors.Join(unix.Flock(int(f.Fd()), unix.LOCK_SH|unix.LOCK_NB)); err != nil {
		t.Fatal(err)
	}
	if d := lower(dir + "/a"); d.LockedBy == "" {
		t.Error("nobody")
	}
}
