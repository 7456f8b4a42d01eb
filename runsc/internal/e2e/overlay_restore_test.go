package e2e

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/directfs/runsc/runsc/harness"
	"golang.org/x/sys/unix"
)

// A container that has a file of an overlay open is restored with it, under
// directfs and LisaFS, into a new container and into one that was created.
func TestOverlayRestore(t *testing.T) {
	for _, directfs := range []bool{true, false} {
		for name, created := range map[string]bool{"new": false, "created": true} {
			t.Run(flag(directfs)+","+name, func(t *testing.T) {
				lab := newLab(t, flag(directfs))
				s, low := newStack(t, lab, "s", 2), newStack(t, lab, "low", 2).readOnly()
				b := lab.Bundle(t, s.at("/ov"), low.at("/low"), harness.Args("counter", "/ov/lines"))
				c := lab.Serve(t, b)
				expectLine(t, c, "0")
				count(t, c, "1")
				execGuest(t, c, "try", "unlink", "/ov/file")
				image := checkpoint(t, lab, c)
				s.checkUnlocked(t)
				layText(t, filepath.Join(s.upper, "meanwhile"), "by the host")
				if created {
					c = restoreCreated(t, lab, b, image)
				} else {
					c = restore(t, lab, b, image)
				}
				count(t, c, "2")
				if got := names(t, c, "/ov"); got != `["in-lower0","in-lower1","lines","meanwhile"]` {
					t.Errorf("the overlay has %s", got)
				}
				execGuest(t, c, "ops", "/ov")
				execGuest(t, c, "roops", "/low")
				checkOverlays(t, c, access{"/": directfs, "/ov": directfs, "/low": directfs}, map[string]stack{"/ov": s, "/low": low})
				if got := readFile(t, s.upper+"/lines"); got != "line 1\nline 2\n" {
					t.Errorf("the open file has %q", got)
				}
				if locks := s.lockFDs(t, c.GoferPID); len(locks) != 2 {
					t.Errorf("the restored gofer's locks: %+v", locks)
				}
				stop(t, lab, c)
				s.checkUnlocked(t)
			})
		}
	}
}

// A restore says which layer is missing, or in use, and leaves nothing.
func TestOverlayRestoreRefused(t *testing.T) {
	lab := newLab(t)
	s := newStack(t, lab, "s", 2)
	b := lab.Bundle(t, s.at("/ov"), harness.Args("counter", "/ov/lines"))
	c := lab.Serve(t, b)
	expectLine(t, c, "0")
	image := checkpoint(t, lab, c)
	restoring := []string{"restore", "--bundle=" + b.Dir, "--image-path=" + image}
	refused := func(message string) {
		t.Helper()
		checkRefusedBy(t, lab, lab.Runtime, message, restoring...)
		s.checkUnlocked(t)
	}
	away := s.lowers[1] + ".away"
	if err := os.Rename(s.lowers[1], away); err != nil {
		t.Fatal(err)
	}
	refused(`mount "/ov": overlay option lowerdir "` + s.lowers[1] + `": cannot be used: no such file or directory: create it, or look where its symbolic links lead`)
	if err := os.Rename(away, s.lowers[1]); err != nil {
		t.Fatal(err)
	}
	other := lab.Serve(t, lab.Bundle(t, s.at("/ov"), harness.Args("serve")))
	readReport(t, other)
	res, err := lab.Command(harness.Context(t), append(restoring, lab.ID())...)
	if err != nil || res.ExitCode == 0 || !strings.Contains(res.Stderr, `upperdir "`+s.upper+`": is in use by container "`+other.ID+`"`) {
		t.Errorf("a restore beside who has the upper layer: %+v, %v", res, err)
	}
	stop(t, lab, other)
	c = restore(t, lab, b, image)
	count(t, c, "1")
	stop(t, lab, c)
	s.checkUnlocked(t)
}

// A pod with overlays in both containers is restored.
func TestOverlayRestorePod(t *testing.T) {
	lab := newLab(t)
	first, second := newStack(t, lab, "1", 1), newStack(t, lab, "2", 1)
	pb := lab.Bundle(t, harness.PodSandbox(), first.at("/ov"), harness.Args("counter", "/ov/lines"))
	pause := lab.Serve(t, pb)
	mb := func(id string) *harness.Bundle {
		return lab.Bundle(t, harness.PodMember(id, "app"), second.at("/ov"), harness.Args("counter", "/ov/lines"))
	}
	member := lab.Serve(t, mb(pause.ID))
	expectLine(t, pause, "0")
	expectLine(t, member, "0")
	image := checkpoint(t, lab, pause, member)
	for _, s := range []stack{first, second} {
		s.checkUnlocked(t)
	}
	pause = restore(t, lab, pb, image)
	member = restore(t, lab, mb(pause.ID), image)
	count(t, pause, "1")
	count(t, member, "1")
	if got := readFile(t, first.upper+"/lines") + readFile(t, second.upper+"/lines"); got != "line 1\nline 1\n" {
		t.Errorf("the open files have %q", got)
	}
	stop(t, lab, pause, member)
}

// A restored container ends with its gofer, as one that was started does: the lock
// of its upper layer is the gofer's.
func TestOverlayGoferOfRestoredKilled(t *testing.T) {
	for _, driver := range identityDrivers {
		for _, directfs := range []bool{true, false} {
			for name, again := range map[string]func(*testing.T, *harness.Lab, *harness.Bundle, string) *harness.Container{"new": restore, "created": restoreCreated} {
				t.Run(driver+","+flag(directfs)+","+name, func(t *testing.T) {
					lab := newLab(t, flag(directfs))
					s := newStack(t, lab, "s", 2)
					b := lab.Bundle(t, s.at("/ov", byDriver(driver)), harness.Args("counter", "/ov/lines"))
					c := lab.Serve(t, b)
					expectLine(t, c, "0")
					c = again(t, lab, b, checkpoint(t, lab, c))
					count(t, c, "1")
					if err := unix.Kill(c.GoferPID, unix.SIGKILL); err != nil {
						t.Fatal(err)
					}
					if code, err := c.Wait(harness.Context(t)); err != nil || code != 137 {
						t.Errorf("exit code %d, %v", code, err)
					}
					command(t, lab.Runtime, "delete", c.ID)
					lab.CheckGone(t, c.ID)
					s.checkUnlocked(t)
				})
			}
		}
	}
}
