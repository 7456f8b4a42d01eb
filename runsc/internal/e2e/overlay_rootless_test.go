package e2e

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/directfs/runsc/runsc/harness"
	"golang.org/x/sys/unix"
)

// give gives the layers and all that is in them to a user of the host.
func (s stack) give(t *testing.T, uid int) {
	t.Helper()
	err := filepath.WalkDir(filepath.Dir(s.lowers[0]), func(path string, _ fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		return os.Lchown(path, uid, uid)
	})
	if err != nil {
		t.Fatal(err)
	}
}

// onHost mounts the overlay by mount(2), and returns where until the test ends.
func (s stack) onHost(t *testing.T, more ...string) string {
	t.Helper()
	dir := t.TempDir()
	if err := unix.Mount("overlay", dir, "overlay", 0, strings.Join(s.options(more...), ",")); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := unix.Unmount(dir, 0); err != nil {
			t.Error(err)
		}
	})
	return dir
}

// changes are steps of the guest that leave a whiteout, an opaque directory and a
// directory that was renamed.
var changes = []string{"remove /ov/in-lower1", "remove /ov/dir/a", "remove /ov/dir", "mkdir /ov/dir", "mkdir /ov/new", "rename /ov/new /ov/renamed"}

// Without root on the host, an overlay is mounted with userxattr, which is in the
// log. The next container sees what the one before did, and so does the host.
func TestOverlayRootless(t *testing.T) {
	for _, directfs := range []bool{true, false} {
		t.Run(flag(directfs), func(t *testing.T) {
			lab := newRootlessLab(t, flag(directfs))
			logTo(t, lab)
			if err := os.Chown(lab.LogDir, nobodys, nobodys); err != nil {
				t.Fatal(err)
			}
			s := newStack(t, lab, "s", 2)
			if err := os.Mkdir(s.lowers[1]+"/dir", 0o755); err != nil {
				t.Fatal(err)
			}
			layText(t, s.lowers[1]+"/dir/a", "")
			s.give(t, nobodys)
			c := runDetached(t, lab, lab.Bundle(t, harness.OwnedBy(nobodys), s.at("/ov"), harness.Args(slices.Concat([]string{"script"}, changes, []string{"list /ov"})...)))
			expectLine(t, c, "ready")
			for range changes {
				count(t, c, "ok")
			}
			if log, err := lab.Log(c.ID, "run"); err != nil || !strings.Contains(log, `Overlay at "/ov": host's overlay (default), user.overlay attributes; options ["userxattr"]`) {
				t.Errorf("no word of userxattr in the log: %v", err)
			}
			checkOverlays(t, c, access{"/": directfs, "/ov": directfs}, map[string]stack{"/ov": s})
			remove(t, lab, c)
			s.checkUnlocked(t)
			checkWhiteout(t, s.upper+"/in-lower1", nobodys)
			if n, err := unix.Getxattr(s.upper+"/dir", "user.overlay.opaque", make([]byte, 1)); err != nil || n != 1 {
				t.Errorf("the directory that was made anew is not opaque: %v", err)
			}
			c = runDetached(t, lab, lab.Bundle(t, harness.OwnedBy(nobodys), s.at("/ov"), harness.Args("serve", "/ov")))
			checkOpsInside(t, readReport(t, c))
			const want = `["dir","file","in-lower0","kept","renamed"]`
			if got, dir := names(t, c, "/ov"), names(t, c, "/ov/dir"); got != want || dir != "[]" {
				t.Errorf("a second container sees %s, and %s in the directory, want %s", got, dir, want)
			}
			stop(t, lab, c)
			host := s.onHost(t, "userxattr")
			if got := listing(t, host); got != want {
				t.Errorf("the host sees %s, want %s", got, want)
			}
		})
	}
}

// listing is what the guest's command list prints of a directory.
func listing(t *testing.T, dir string) string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Error(err)
	}
	var all []string
	for _, e := range entries {
		all = append(all, fmt.Sprintf("%q", e.Name()))
	}
	return "[" + strings.Join(all, ",") + "]"
}

// checkWhiteout expects the device node by which overlayfs hides a file.
func checkWhiteout(t *testing.T, name string, owner int) {
	t.Helper()
	var st unix.Stat_t
	if err := unix.Lstat(name, &st); err != nil {
		t.Error(err)
	} else if st.Mode&unix.S_IFMT != unix.S_IFCHR || st.Rdev != 0 || int(st.Uid) != owner {
		t.Errorf("%s is no whiteout of user %d: %+v", name, owner, st)
	}
}

// What an overlay cannot be in a user namespace is refused, and says so.
func TestOverlayRootlessRefused(t *testing.T) {
	lab := newRootlessLab(t)
	s := newStack(t, lab, "s", 2)
	with := newStack(t, lab, "with", 2)
	mountOnHost(t, filepath.Join(with.lowers[1], "disk"), "of-disk")
	for _, each := range []stack{s, with} {
		each.give(t, nobodys)
	}
	foreign := newStack(t, lab, "foreign", 2)
	for _, c := range []struct {
		at      harness.Option
		message string
	}{
		{s.at("/ov", "redirect_dir=on"), `overlay option redirect_dir=on: conflicts with userxattr: in a user namespace the overlay needs userxattr, which allows neither redirects nor metacopy: remove one of them`},
		{s.at("/ov", "metacopy=on"), `overlay option metacopy=on: conflicts with userxattr: in a user namespace the overlay needs userxattr, which allows neither redirects nor metacopy: remove one of them`},
		{with.at("/ov"), fmt.Sprintf(`overlay option lowerdir %q: has a mount at %q, and in a user namespace no layer may have one: use a directory without mounts in it`, with.lowers[1], with.lowers[1]+"/disk")},
		{with.at("/ov", bySentry), fmt.Sprintf(`overlay option lowerdir %q: has a mount at %q, and in a user namespace no layer may have one: use a directory without mounts in it`, with.lowers[1], with.lowers[1]+"/disk")},
		{stack{s.lowers, foreign.upper, foreign.work}.at("/ov"), fmt.Sprintf(`overlay option upperdir %q: cannot be written by whoever mounts the overlay: remove upperdir and workdir for a read-only overlay, or use another volume`, foreign.upper)},
	} {
		b := lab.Bundle(t, harness.OwnedBy(nobodys), c.at, harness.Args("serve"))
		res, err := lab.Command(harness.Context(t), "run", "--bundle="+b.Dir, lab.ID())
		if err != nil || res.ExitCode != 128 || !strings.HasPrefix(res.Stderr, `run: mount "/ov": `+c.message+"\n") {
			t.Errorf("got %+v, %v, want %s", res, err, c.message)
		}
	}
	s.checkUnlocked(t)
}

// The root of a user namespace has overlays, too, whether or not it has a mount
// namespace of its own.
func TestOverlayOfNamespaceRoot(t *testing.T) {
	for _, namespaces := range []string{"--user", "--user --mount"} {
		t.Run(namespaces, func(t *testing.T) {
			lab := newLab(t, "--ignore-cgroups")
			s := newStack(t, lab, "s", 2)
			s.give(t, nobodys)
			unshared := filepath.Join(lab.Bundle(t).Dir, "unshared")
			script := fmt.Sprintf("#!/bin/sh\nexec unshare %s --map-root-user %q \"$@\"\n", namespaces, lab.Binary)
			if err := os.WriteFile(unshared, []byte(script), 0o755); err != nil {
				t.Fatal(err)
			}
			as, err := lab.As(nobodys)
			if err != nil {
				t.Fatal(err)
			}
			lab.Runtime = as
			lab.Binary = unshared
			b := lab.Bundle(t, harness.OwnedBy(nobodys), s.at("/ov"), harness.Args("ops", "/ov"))
			for range 2 {
				res, err := lab.Run(harness.Context(t), lab.ID(), b)
				if err != nil || res.ExitCode != 0 {
					t.Errorf("%+v, %v", res, err)
				}
			}
			s.checkUnlocked(t)
			if got := readFile(t, s.upper+"/kept"); got != "kept by guest\n" {
				t.Errorf("the upper layer has %q", got)
			}
		})
	}
}
