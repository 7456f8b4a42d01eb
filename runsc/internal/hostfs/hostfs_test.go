package hostfs

import (
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/directfs/runsc/directfspolicy"
	"golang.org/x/sys/unix"
)

// inNamespace runs the test in a mount namespace of its own, on a thread that
// ends with it.
func inNamespace(t *testing.T, test func(r *Reader, dir string)) {
	t.Helper()
	dir := t.TempDir()
	done := make(chan struct{})
	go func() {
		defer close(done)
		runtime.LockOSThread() // and never unlocked: the thread ends here
		if err := unix.Unshare(unix.CLONE_NEWNS); err != nil {
			t.Errorf("unshare: %v", err)
			return
		}
		if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
			t.Errorf("making mounts private: %v", err)
			return
		}
		test(newReader("/proc/thread-self/mountinfo"), dir)
	}()
	<-done
}

func mkdir(t *testing.T, dir ...string) string {
	t.Helper()
	p := filepath.Join(dir...)
	if err := os.MkdirAll(p, 0o755); err != nil {
		t.Error(err)
	}
	return p
}

func mount(t *testing.T, source, target, fstype string, flags uintptr) {
	t.Helper()
	if err := unix.Mount(source, target, fstype, flags, ""); err != nil {
		t.Errorf("mount %s on %s: %v", source, target, err)
	}
}

func one(t *testing.T, r *Reader, path string) directfspolicy.Source {
	t.Helper()
	all, err := r.Sources(path, false)
	if err != nil || len(all) != 1 {
		t.Errorf("%s: %+v, %v", path, all, err)
		return directfspolicy.Source{}
	}
	return all[0]
}

// Whatever road leads to a directory, it is the volume's or inside it.
func TestRoads(t *testing.T) {
	inNamespace(t, func(_ *Reader, dir string) {
		volume, sub := mkdir(t, dir, "volume"), mkdir(t, dir, "volume", "sub")
		bound, boundSub, outer := mkdir(t, dir, "bound"), mkdir(t, dir, "subpath"), mkdir(t, dir, "outer")
		mount(t, volume, bound, "", unix.MS_BIND)
		mount(t, sub, boundSub, "", unix.MS_BIND)
		mkdir(t, outer, "in")
		mount(t, dir, outer, "", unix.MS_BIND) // hides "in"
		link := filepath.Join(dir, "link")
		if err := os.Symlink("bound", link); err != nil {
			t.Error(err)
		}
		r := newReader("/proc/thread-self/mountinfo")
		v := one(t, r, volume)
		if v.Filesystem == "" || v.Inode == 0 || v.Device == 0 || v.Path != volume {
			t.Errorf("the volume is %+v", v)
		}
		for name, inside := range map[string]bool{
			"volume": true, "volume/sub": true, "bound": true, "bound/sub": true, "subpath": true, "link": true, "link/sub": true,
			"outer/volume": true, "outer/volume/sub": true, ".": false, "outer": false,
		} {
			if s := one(t, r, filepath.Join(dir, name)); v.Contains(s) != inside {
				t.Errorf("%s is in the volume: %t\n%+v\n%+v", name, !inside, v, s)
			}
		}
		if s := one(t, r, sub); s.Contains(v) {
			t.Errorf("the volume is inside %+v", s)
		}
		if s := one(t, r, link); s.Path != bound {
			t.Errorf("the link is resolved to %s", s.Path)
		}
	})
}

// Another file system is another one, also where it has the same path inside,
// and of two mounts at one place it is the upper one that is seen.
func TestFilesystems(t *testing.T) {
	inNamespace(t, func(_ *Reader, dir string) {
		a, b := mkdir(t, dir, "a"), mkdir(t, dir, "b")
		mount(t, "tmpfs", a, "tmpfs", 0)
		mount(t, "tmpfs", b, "tmpfs", 0)
		sub := mkdir(t, a, "sub")
		over := mkdir(t, dir, "over")
		mount(t, "tmpfs", over, "tmpfs", 0)
		mount(t, sub, over, "", unix.MS_BIND)
		r := newReader("/proc/thread-self/mountinfo")
		sa, sb := one(t, r, a), one(t, r, b)
		if sa.Within != "/" || sb.Within != "/" || sa.Filesystem == sb.Filesystem {
			t.Errorf("two file systems are %+v and %+v", sa, sb)
		}
		if s := one(t, r, over); s.Filesystem != sa.Filesystem || s.Within != "/sub" {
			t.Errorf("the upper mount is %+v", s)
		}
	})
}

// A recursive bind brings along what is mounted below its source.
func TestSubmounts(t *testing.T) {
	inNamespace(t, func(_ *Reader, dir string) {
		secret, outer := mkdir(t, dir, "secret"), mkdir(t, dir, "outer")
		mount(t, secret, mkdir(t, outer, "x"), "", unix.MS_BIND)
		mount(t, "tmpfs", mkdir(t, outer, "y"), "tmpfs", 0)
		mkdir(t, dir, "outer2") // begins like it
		mount(t, "tmpfs", mkdir(t, dir, "outer2"), "tmpfs", 0)
		r := newReader("/proc/thread-self/mountinfo")
		all, err := r.Sources(outer, true)
		if err != nil || len(all) != 3 || all[0].Path != outer {
			t.Errorf("%+v, %v", all, err)
			return
		}
		s := one(t, r, secret)
		if !slices.ContainsFunc(all[1:], s.Contains) {
			t.Errorf("%+v is not among the submounts %+v", s, all)
		}
	})
}

// Names that look like white space to some, and what is not text.
func TestNames(t *testing.T) {
	inNamespace(t, func(_ *Reader, dir string) {
		volume := mkdir(t, dir, "volume")
		names := []string{"a\u00a0b", "a\u0085b", "a\rb", "a\vb", "a b\\040", "a\nb", "\r", "\xff"}
		for _, name := range names {
			mount(t, volume, mkdir(t, dir, name), "", unix.MS_BIND)
		}
		r := newReader("/proc/thread-self/mountinfo")
		v := one(t, r, volume)
		for _, name := range names {
			s := one(t, r, filepath.Join(dir, name))
			if s.Filesystem != v.Filesystem || s.Within != v.Within || s.Inode != v.Inode {
				t.Errorf("%q is %+v, the volume %+v", name, s, v)
			}
		}
		all, err := r.Sources(dir, true)
		if err != nil || len(all) != 1+len(names) {
			t.Errorf("%d submounts of %d: %v", len(all)-1, len(names), err)
		}
		for _, s := range all {
			if s.Path != strings.ToValidUTF8(s.Path, "") {
				t.Errorf("the path %q is not text", s.Path)
			}
		}
	})
}

// Of what is not there, the path is known. Without a mount table, nobody knows
// which mounts a hint is for.
func TestUnknown(t *testing.T) {
	missing := filepath.Join(t.TempDir(), "missing")
	if s := one(t, NewReader(), missing); s != (directfspolicy.Source{Path: missing}) {
		t.Errorf("%+v", s)
	}
	for _, table := range []string{"", "no table\n"} {
		file := filepath.Join(t.TempDir(), "mountinfo")
		if err := os.WriteFile(file, []byte(table), 0o600); err != nil {
			t.Fatal(err)
		}
		if table == "" {
			file += ".missing"
		}
		if all, err := newReader(file).Sources("/", true); err == nil {
			t.Errorf("%q: %+v", table, all)
		}
	}
}

// FuzzTable: any table gives sources that a Plan can keep, or an error.
func FuzzTable(f *testing.F) {
	f.Add([]byte("36 35 98:0 /mnt1 /tmp rw,noatime master:1 - ext3 /dev/root rw,errors=continue\n"))
	f.Add([]byte("36 35 0:5 net:[4026531840] /run/netns rw - nsfs nsfs rw\n"))
	f.Add([]byte("36 35 98:0 /a\\040b\u00a0c\r /tmp/\\011 rw - ext3 none rw\n"))
	f.Fuzz(func(t *testing.T, table []byte) {
		file := filepath.Join(t.TempDir(), "mountinfo")
		if err := os.WriteFile(file, table, 0o600); err != nil {
			t.Fatal(err)
		}
		all, err := newReader(file).Sources("/", true)
		if (err == nil) != (len(all) > 0) {
			t.Fatalf("%+v with error %v", all, err)
		}
		r := directfspolicy.Request{Rootfs: directfspolicy.Mount{Backend: directfspolicy.StockGofer, Sources: all}}
		if _, err := directfspolicy.Resolve(r); err != nil {
			t.Fatal(err)
		}
	})
}

// A table that is older than a mount does not tell where the mount's files are.
func TestMountAfterTable(t *testing.T) {
	inNamespace(t, func(_ *Reader, dir string) {
		volume, sub, late := mkdir(t, dir, "volume"), mkdir(t, dir, "volume", "sub"), mkdir(t, dir, "late")
		r := newReader("/proc/thread-self/mountinfo")
		v := one(t, r, volume)
		mount(t, sub, late, "", unix.MS_BIND)
		if s := one(t, r, late); !v.Contains(s) {
			t.Errorf("%+v is not in %+v", s, v)
		}
	})
}
