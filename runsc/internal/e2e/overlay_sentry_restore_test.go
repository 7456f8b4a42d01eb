package e2e

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/directfs/runsc/runsc/harness"
	"golang.org/x/sys/unix"
)

// A container that has a file of an overlay open is restored with it, into a new
// container and into one that was created, where no first process runs; twice.
func TestOverlaySentryRestore(t *testing.T) {
	for _, directfs := range []bool{true, false} {
		for name, again := range map[string]func(*testing.T, *harness.Lab, *harness.Bundle, string) *harness.Container{"new": restore, "created": restoreCreated} {
			t.Run(flag(directfs)+","+name, func(t *testing.T) {
				lab := newLab(t, flag(directfs))
				s, low := newStack(t, lab, "s", 2), newStack(t, lab, "low", 2).readOnly()
				b := lab.Bundle(t, s.at("/ov", bySentry), low.at("/low", bySentry), harness.Mount("/ov/bind"), harness.Args("counter", "/ov/lines"))
				c := lab.Serve(t, b)
				expectLine(t, c, "0")
				execGuest(t, c, "try", "unlink", "/ov/file")
				for _, line := range []string{"1", "2"} {
					count(t, c, line)
					image := checkpoint(t, lab, c)
					s.checkUnlocked(t)
					c = again(t, lab, b, image)
				}
				count(t, c, "3")
				if got := names(t, c, "/ov"); got != `["bind","in-lower0","in-lower1","lines"]` {
					t.Errorf("the overlay has %s", got)
				}
				execGuest(t, c, "ops", "/ov", "/ov/bind")
				execGuest(t, c, "roops", "/low")
				if got := readFile(t, s.upper+"/lines"); got != "line 1\nline 2\nline 3\n" {
					t.Errorf("the open file has %q", got)
				}
				var want []string
				if directfs {
					want = s.names()
				}
				s.checkHeldLayers(t, c, want...)
				checkVerify(t, lab, c)
				stop(t, lab, c)
				s.checkUnlocked(t)
			})
		}
	}
}

// A pod with overlays in both containers is restored.
func TestOverlaySentryRestorePod(t *testing.T) {
	lab := newLab(t)
	first, second := newStack(t, lab, "1", 2), newStack(t, lab, "2", 2)
	pb := lab.Bundle(t, harness.PodSandbox(), first.at("/ov", bySentry), harness.Args("counter", "/ov/lines"))
	pause := lab.Serve(t, pb)
	mb := func(id string) *harness.Bundle {
		return lab.Bundle(t, harness.PodMember(id, "app"), second.at("/ov", bySentry), harness.Args("counter", "/ov/lines"))
	}
	member := lab.Serve(t, mb(pause.ID))
	expectLine(t, pause, "0")
	expectLine(t, member, "0")
	image := checkpoint(t, lab, pause, member)
	pause = restore(t, lab, pb, image)
	member = restore(t, lab, mb(pause.ID), image)
	count(t, pause, "1")
	count(t, member, "1")
	if got := readFile(t, first.upper+"/lines") + readFile(t, second.upper+"/lines"); got != "line 1\nline 1\n" {
		t.Errorf("the open files have %q", got)
	}
	stop(t, lab, pause, member)
}

// A container is paused and resumed.
func TestOverlaySentryPause(t *testing.T) {
	lab := newLab(t)
	s := newStack(t, lab, "s", 2)
	c := lab.Serve(t, lab.Bundle(t, s.at("/ov", bySentry), harness.Args("counter", "/ov/lines")))
	expectLine(t, c, "0")
	command(t, lab.Runtime, "pause", c.ID)
	command(t, lab.Runtime, "resume", c.ID)
	count(t, c, "1")
	stop(t, lab, c)
}

// changeInGuest changes files of a stack of two layers.
func changeInGuest(t *testing.T, c *harness.Container) {
	t.Helper()
	execGuest(t, c, "try", "unlink", "/ov/file")
	execGuest(t, c, "write", "/ov/in-lower1", "changed")
	execGuest(t, c, "write", "/ov/new", "new")
}

// checkChanged looks at what is left of the changes by names and contents.
func checkChanged(t *testing.T, dir string) {
	t.Helper()
	if _, err := os.Lstat(filepath.Join(dir, "file")); err == nil {
		t.Error("a deleted file came back")
	}
	if got := readFile(t, dir+"/in-lower0") + readFile(t, dir+"/in-lower1") + readFile(t, dir+"/new"); got != "0changed\nnew\n" {
		t.Errorf("the files have %q", got)
	}
}

// nativeOverlay mounts a stack on the host, until the test ends.
func (s stack) nativeOverlay(t *testing.T, lab *harness.Lab, options string) string {
	t.Helper()
	target := scratch(t, lab)
	data := "lowerdir=" + strings.Join(s.lowers, ":") + ",upperdir=" + s.upper + ",workdir=" + s.work + options
	if err := unix.Mount("overlay", target, "overlay", 0, data); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = unix.Unmount(target, unix.MNT_DETACH) })
	return target
}

// What one run leaves in the upper layer is there in the next one, and for the
// host's overlay with attributes of the same dialect.
func TestOverlaySentryPersists(t *testing.T) {
	for _, directfs := range []bool{true, false} {
		t.Run(flag(directfs), func(t *testing.T) {
			lab := newLab(t, flag(directfs))
			s := newStack(t, lab, "s", 2)
			b := lab.Bundle(t, s.at("/ov", bySentry), harness.Args("serve"))
			c := lab.Serve(t, b)
			readReport(t, c)
			changeInGuest(t, c)
			stop(t, lab, c)
			c = lab.Serve(t, b)
			readReport(t, c)
			if got := names(t, c, "/ov"); got != `["in-lower0","in-lower1","new"]` {
				t.Errorf("the second run has %s", got)
			}
			stop(t, lab, c)
			checkChanged(t, s.nativeOverlay(t, lab, ",userxattr"))
		})
	}
}

// What the host's overlay leaves is there for the sentry's with the same dialect,
// and refused with the other one.
func TestOverlaySentryAfterHost(t *testing.T) {
	for dialect, options := range map[string]string{"user": ",userxattr", "trusted": ""} {
		t.Run(dialect, func(t *testing.T) {
			lab := newLab(t)
			s := newStack(t, lab, "s", 2)
			if err := os.MkdirAll(filepath.Join(s.lowers[1], "dir/old"), 0o755); err != nil {
				t.Fatal(err)
			}
			target := s.nativeOverlay(t, lab, options)
			if err := os.RemoveAll(target + "/file"); err != nil {
				t.Fatal(err)
			}
			layText(t, target+"/in-lower1", "changed\n")
			layText(t, target+"/new", "new\n")
			// An opaque directory.
			if err := os.RemoveAll(target + "/dir"); err != nil {
				t.Fatal(err)
			}
			if err := os.Mkdir(target+"/dir", 0o755); err != nil {
				t.Fatal(err)
			}
			if err := unix.Unmount(target, 0); err != nil {
				t.Fatal(err)
			}
			id := lab.ID()
			b := lab.Bundle(t, s.at("/ov", bySentry), harness.Args("serve"))
			if dialect == "trusted" {
				_, err := lab.Create(harness.Context(t), id, b)
				if err == nil || !strings.Contains(err.Error(), `upperdir "`+s.upper+`": carries trusted.overlay.* attributes`) {
					t.Errorf("create: %v", err)
				}
				lab.CheckGone(t, id)
				s.checkUnlocked(t)
				return
			}
			c := lab.Serve(t, b)
			readReport(t, c)
			if got := names(t, c, "/ov") + names(t, c, "/ov/dir"); got != `["dir","in-lower0","in-lower1","new"][]` {
				t.Errorf("the container has %s", got)
			}
			stop(t, lab, c)
		})
	}
}
