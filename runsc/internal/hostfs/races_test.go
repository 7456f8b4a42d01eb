package hostfs

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/directfs/runsc/directfspolicy"
	"golang.org/x/sys/unix"
)

// What a name led to when it was looked at first, it leads to for as long as
// the reader is used, or else nobody can tell whether a hint for the name is
// for a mount of it.
func TestNamesThatLeadElsewhere(t *testing.T) {
	dir := t.TempDir()
	mkdir(t, dir, "a", "sub")
	mkdir(t, dir, "b", "sub")
	link := filepath.Join(dir, "link")
	point := func(to string) {
		err := os.RemoveAll(link)
		if to != "" {
			err = errors.Join(err, os.Symlink(to, link))
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range []string{link, dir + "//./link/", link + "/sub", link + "/sub/.."} {
		for _, now := range []string{"b", "a", ""} {
			point("a")
			r := NewReader()
			one(t, r, link)
			point(now)
			if _, err := r.Sources(name, false); errors.Is(err, ErrReplaced) != (now != "a") {
				t.Errorf("%s leads to a, then to %q: %v", name, now, err)
			}
		}
		point("")
		r := NewReader()
		one(t, r, link)
		point("a")
		if _, err := r.Sources(name, false); !errors.Is(err, ErrReplaced) {
			t.Errorf("%s comes later: %v", name, err)
		}
	}
}

// Who renames a directory moves the mounts in it.
func TestMountThatIsMoved(t *testing.T) {
	inNamespace(t, func(r *Reader, dir string) {
		volume, sub, p := mkdir(t, dir, "volume"), mkdir(t, dir, "volume", "sub"), mkdir(t, dir, "p")
		mount(t, sub, mkdir(t, p, "m"), "", unix.MS_BIND)
		v := one(t, r, volume)
		if err := os.Rename(p, filepath.Join(dir, "q")); err != nil {
			t.Error(err)
		}
		if s := one(t, r, filepath.Join(dir, "q", "m")); !v.Contains(s) {
			t.Errorf("%+v is not in %+v", s, v)
		}
	})
}

// The kernel gives the ID of a mount that is gone to the next one, also at the
// same place.
func TestMountThatIsAnother(t *testing.T) {
	inNamespace(t, func(r *Reader, dir string) {
		first, second, point := mkdir(t, dir, "first"), mkdir(t, dir, "second"), mkdir(t, dir, "point")
		mkdir(t, first, "a")
		mkdir(t, second, "b")
		mount(t, first, point, "", unix.MS_BIND)
		f, s := one(t, r, first), one(t, r, second)
		if a := one(t, r, filepath.Join(point, "a")); !f.Contains(a) {
			t.Errorf("%+v is not in %+v", a, f)
		}
		if err := unix.Unmount(point, 0); err != nil {
			t.Error(err)
		}
		mount(t, second, point, "", unix.MS_BIND)
		if b := one(t, r, filepath.Join(point, "b")); !s.Contains(b) || f.Contains(b) {
			t.Errorf("%#v is not in %#v", b, s)
		}
	})
}

// A mount stays when its files' name is removed, which whoever shares the volume
// can do. It is found at its mount point, alone and with what it is mounted in.
func TestMountOfWhatIsGone(t *testing.T) {
	inNamespace(t, func(r *Reader, dir string) {
		volume, point := mkdir(t, dir, "volume"), mkdir(t, dir, "outer", "point")
		mount(t, mkdir(t, volume, "sub"), point, "", unix.MS_BIND)
		if err := os.Remove(filepath.Join(volume, "sub")); err != nil {
			t.Error(err)
		}
		v := one(t, r, volume)
		if s := one(t, r, point); !v.Contains(s) || s.Path != point {
			t.Errorf("%+v is not in %+v", s, v)
		}
		all, err := r.Sources(filepath.Dir(point), true)
		if err != nil || len(all) != 2 || !v.Contains(all[1]) {
			t.Errorf("%+v, %v", all, err)
		}
	})
}

// A table in which a mount is never where it is tells nothing.
func TestMountThatKeepsMoving(t *testing.T) {
	inNamespace(t, func(r *Reader, dir string) {
		p := mkdir(t, dir, "p")
		mount(t, "tmpfs", mkdir(t, p, "m"), "tmpfs", 0)
		table, err := os.ReadFile(r.file)
		if err != nil {
			t.Error(err)
		}
		stale := filepath.Join(dir, "table")
		if err := errors.Join(os.WriteFile(stale, table, 0o600), os.Rename(p, filepath.Join(dir, "q"))); err != nil {
			t.Error(err)
		}
		if all, err := newReader(stale).Sources(filepath.Join(dir, "q", "m"), false); err == nil {
			t.Errorf("%+v", all)
		}
	})
}

// What is not text is compared by what it is all the same.
func TestFilesWithNamesThatAreNoText(t *testing.T) {
	inNamespace(t, func(_ *Reader, dir string) {
		volume := mkdir(t, dir, "\xff")
		mkdir(t, volume, "sub", "sub")
		disk, bound := mkdir(t, volume, "disk"), mkdir(t, dir, "bound")
		mount(t, "tmpfs", disk, "tmpfs", 0)
		mount(t, disk, bound, "", unix.MS_BIND)
		link, other := filepath.Join(dir, "link"), filepath.Join(dir, "other")
		if err := errors.Join(os.Symlink(volume, link), os.Symlink(mkdir(t, dir, "\xfe"), filepath.Join(dir, "not")), os.Symlink(volume, other)); err != nil {
			t.Error(err)
		}
		mkdir(t, dir, "\xfe", "sub")
		for source, want := range map[string]directfspolicy.Access{
			other: directfspolicy.LisaFS, other + "/sub/sub": directfspolicy.LisaFS, bound: directfspolicy.LisaFS,
			filepath.Join(dir, "not", "sub"): directfspolicy.DirectFS,
		} {
			if a := accessOf(t, link, "off", source, true); a != want {
				t.Errorf("%s: %v, want %v", source, a, want)
			}
		}
	})
}
