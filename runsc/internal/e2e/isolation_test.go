package e2e

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/directfs/runsc/runsc/harness"
	"golang.org/x/sys/unix"
)

// names returns what the container sees in a directory.
func names(t *testing.T, c *harness.Container, dir string) string {
	t.Helper()
	return strings.TrimSpace(execGuest(t, c, "list", dir))
}

// mark puts a file with the destination's name into each mount's source.
func mark(b *harness.Bundle) error {
	for _, d := range b.Binds() {
		if fi, err := os.Stat(b.Source(d)); err != nil || !fi.IsDir() || d == "/" {
			continue
		}
		if err := os.WriteFile(filepath.Join(b.Source(d), "of"+strings.ReplaceAll(d, "/", "-")), nil, 0o644); err != nil {
			return err
		}
	}
	return nil
}

// mountOnHost mounts a tmpfs with one file for the time of the test.
func mountOnHost(t *testing.T, dir, file string) {
	t.Helper()
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := unix.Mount("e2e", dir, "tmpfs", 0, ""); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := unix.Unmount(dir, unix.MNT_DETACH); err != nil {
			t.Error(err)
		}
	})
	if err := os.WriteFile(filepath.Join(dir, file), nil, 0o644); err != nil {
		t.Fatal(err)
	}
}

var both = []string{"on", "off"}

// Mounts below each other, three levels deep, with every mix of decisions. The
// container sees each; the sandbox gets to those that are on.
func TestIsolatedNesting(t *testing.T) {
	for i := range 8 {
		want := access{"/": true, "/a": i&1 > 0, "/a/b": i&2 > 0, "/a/b/c": i&4 > 0}
		t.Run(fmt.Sprint(direct(want)), func(t *testing.T) {
			lab := newLab(t)
			opts := []harness.Option{}
			for _, d := range []string{"/a", "/a/b", "/a/b/c"} {
				opts = append(opts, harness.Mount(d, "rw", "directfs="+fmt.Sprint(want[d])))
			}
			c := lab.Serve(t, lab.Bundle(t, append(opts, mark, harness.Args("serve", "/", "/a", "/a/b", "/a/b/c"))...))
			r := readReport(t, c)
			checkOps(t, c.Bundle, r)
			checkMountOptions(t, want, r)
			checkHeld(t, c, direct(want))
			for dir, see := range map[string]string{
				"/a": `["b","kept","of-a"]`, "/a/b": `["c","kept","of-a-b"]`, "/a/b/c": `["kept","of-a-b-c"]`,
			} {
				if got := names(t, c, dir); got != see {
					t.Errorf("%s shows %s, want %s", dir, got, see)
				}
			}
			stop(t, lab, c)
		})
	}
}

// What is mounted inside a bind's source belongs to the bind with "rbind" and
// is not there with "bind", with directfs as without. In a user namespace, the
// kernel refuses a "bind" that would uncover what such mounts hide
// (mount_namespaces(7)); the gofer is in none here.
func TestIsolatedSubmounts(t *testing.T) {
	for _, how := range both {
		t.Run(how, func(t *testing.T) {
			lab := newLab(t, "--network=host")
			b := lab.Bundle(t, harness.Mount("/r", "rbind", "rw", "directfs="+how), harness.Mount("/b", "bind", "rw", "directfs="+how),
				harness.Mount("/r/sub/off", "rw", "directfs=off"), harness.Args("serve", "/r", "/b"))
			for _, d := range []string{"/r", "/b"} {
				mountOnHost(t, filepath.Join(b.Source(d), "sub"), "of-sub")
			}
			if err := os.Mkdir(filepath.Join(b.Source("/r"), "sub", "off"), 0o755); err != nil {
				t.Fatal(err)
			}
			c := lab.Serve(t, b)
			checkOps(t, b, readReport(t, c))
			for dir, want := range map[string]string{"/r/sub": `["of-sub","off"]`, "/b/sub": `[]`} {
				if got := names(t, c, dir); got != want {
					t.Errorf("%s shows %s, want %s", dir, got, want)
				}
			}
			on := access{"/": true, "/r": how == "on", "/b": how == "on", "/r/sub/off": false}
			checkReachable(t, c, direct(on))
			stop(t, lab, c)
		})
	}
}

// In a user namespace, a recursive bind is the one that works.
func TestIsolatedSubmountsInUserNamespace(t *testing.T) {
	for _, how := range both {
		t.Run(how, func(t *testing.T) {
			lab := newLab(t)
			b := lab.Bundle(t, harness.Mount("/r", "rbind", "rw", "directfs="+how), harness.Args("serve", "/r"))
			mountOnHost(t, filepath.Join(b.Source("/r"), "sub"), "of-sub")
			c := lab.Serve(t, b)
			checkOps(t, b, readReport(t, c))
			if got := names(t, c, "/r/sub"); got != `["of-sub"]` {
				t.Errorf("the submount shows %s", got)
			}
			stop(t, lab, c)
		})
	}
}

// Mounts that share a place or a source.
func TestIsolatedSharedPlaces(t *testing.T) {
	for _, how := range both {
		t.Run(how, func(t *testing.T) {
			lab := newLab(t)
			shared := volume(lab, "shared")
			b := lab.Bundle(t, harness.Mount("/lower", "rw", "directfs="+how), harness.Mount("/upper", "rw", "directfs="+how),
				harness.MountFrom(shared, "/one", "rw", "directfs="+how), harness.MountFrom(shared, "/two", "rw", "directfs="+how), mark,
				harness.Args("serve", "/one", "/two"))
			// Both at one destination: the later one is what is seen.
			for i := range b.Spec.Mounts {
				if m := &b.Spec.Mounts[i]; m.Destination == "/upper" {
					m.Destination = "/lower"
				}
			}
			if err := b.Save(); err != nil {
				t.Fatal(err)
			}
			c := lab.Serve(t, b)
			readReport(t, c)
			for dir, want := range map[string]string{"/lower": `["of-upper"]`, "/one": `["kept","of-one","of-two"]`, "/two": `["kept","of-one","of-two"]`} {
				if got := names(t, c, dir); got != want {
					t.Errorf("%s shows %s, want %s", dir, got, want)
				}
			}
			stop(t, lab, c)
		})
	}
}

// Destinations of all kinds, among them one that is a link in the rootfs.
func TestIsolatedDestinations(t *testing.T) {
	for _, how := range both {
		t.Run(how, func(t *testing.T) {
			lab := newLab(t)
			link := func(b *harness.Bundle) error {
				if err := os.MkdirAll(filepath.Join(b.Rootfs(), "real"), 0o755); err != nil {
					return err
				}
				return os.Symlink("real", filepath.Join(b.Rootfs(), "link"))
			}
			dirs := []string{"/with space", "/new\nline", "/ünïcödé 漢字", `/back\slash`, "/link/in", "/dev/dir"}
			opts := []harness.Option{link}
			want := access{"/": true, "/off": false}
			for _, d := range dirs {
				opts = append(opts, harness.Mount(d, "rw", "directfs="+how))
				want[d] = how == "on"
			}
			opts = append(opts, harness.Mount("/off", "rw", "directfs=off"), harness.Args(append([]string{"serve"}, dirs...)...))
			c := lab.Serve(t, lab.Bundle(t, opts...))
			checkOps(t, c.Bundle, readReport(t, c))
			if got := names(t, c, "/real/in"); got != `["kept"]` {
				t.Errorf("where the link leads there is %s", got)
			}
			checkReachable(t, c, direct(want))
			stop(t, lab, c)
		})
	}
}

// The rootfs may be an overlayfs of the host, or have an overlay that keeps
// its changes in the rootfs itself.
func TestIsolatedOverlays(t *testing.T) {
	for _, overlay := range []string{"none", "root:memory", "root:self", "all:self"} {
		t.Run(overlay, func(t *testing.T) {
			lab := newLab(t, "--overlay2="+overlay)
			merged := volume(lab, "merged")
			dirs := map[string]string{}
			for _, d := range []string{"lower", "upper", "work", "merged"} {
				dirs[d] = volume(lab, d)
				if err := os.MkdirAll(dirs[d], 0o755); err != nil {
					t.Fatal(err)
				}
			}
			options := "lowerdir=" + dirs["lower"] + ",upperdir=" + dirs["upper"] + ",workdir=" + dirs["work"]
			if err := unix.Mount("overlay", merged, "overlay", 0, options); err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() {
				if err := unix.Unmount(merged, 0); err != nil {
					t.Error(err)
				}
			})
			c := lab.Serve(t, lab.Bundle(t, harness.RootfsFrom(merged), harness.RootfsHint("on"),
				harness.Mount("/a", "rw", "directfs=off"), harness.Args("serve", "/", "/a")))
			checkOpsInside(t, readReport(t, c))
			checkReachable(t, c, []string{"/"})
			stop(t, lab, c)
		})
	}
}
