package e2e

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/directfs/runsc/runsc/harness"
	"github.com/directfs/runsc/runsc/internal/e2e/guest/report"
)

// checkpoint saves containers of one sandbox by its first container, which ends
// them all, and deletes them.
func checkpoint(t *testing.T, lab *harness.Lab, cs ...*harness.Container) (image string) {
	t.Helper()
	image, err := os.MkdirTemp(lab.Dir, "b-image")
	if err != nil {
		t.Fatal(err)
	}
	if err := cs[0].Checkpoint(harness.Context(t), image); err != nil {
		t.Fatal(err)
	}
	// While it ends, its control socket is there, but answers no more.
	if _, err := cs[0].Wait(harness.Context(t)); err != nil {
		t.Fatal(err)
	}
	for i := len(cs) - 1; i >= 0; i-- {
		if err := cs[i].Delete(harness.Context(t)); err != nil {
			t.Fatal(err)
		}
	}
	return image
}

// checkRestored looks at a restored container from inside and outside, and runs
// all file operations again.
func checkRestored(t *testing.T, c *harness.Container, want access) {
	t.Helper()
	r := report.Report{}
	if err := json.Unmarshal([]byte(execGuest(t, c, "report", "/", "/a", "/b")), &r); err != nil {
		t.Fatal(err)
	}
	checkOps(t, c.Bundle, r)
	checkMountOptions(t, want, r)
	checkFilters(t, c)
}

// A restored container goes on with what its Plan says, under a new id, whether
// the file that it has open is one of directfs or of LisaFS.
func TestRestore(t *testing.T) {
	want := access{"/": false, "/a": true, "/b": false}
	for name, how := range map[string]struct {
		file    string
		created bool
	}{
		"open directfs file":      {"/a/lines", false},
		"open LisaFS file":        {"/b/lines", false},
		"into created container":  {"/a/lines", true},
		"open file of the rootfs": {"/lines", false},
	} {
		t.Run(name, func(t *testing.T) {
			lab := newLab(t, flag(false))
			b := lab.Bundle(t, harness.Mount("/a"), harness.MountHint("a", "/a", "on"), harness.Mount("/b", "rw", "directfs=off"),
				harness.Args("counter", how.file))
			c := lab.Serve(t, b)
			expectLine(t, c, "0")
			count(t, c, "1")
			image := checkpoint(t, lab, c)
			if how.created {
				c = restoreCreated(t, lab, b, image)
			} else {
				c = restore(t, lab, b, image)
			}
			count(t, c, "2")
			checkRestored(t, c, want)
			checkPrivileges(t, c, true)
			checkHeld(t, c, direct(want))
			dir, name := filepath.Split(how.file)
			if dir != "/" {
				dir = filepath.Clean(dir)
			}
			lines, err := os.ReadFile(filepath.Join(b.Source(dir), name))
			if err != nil || string(lines) != "line 1\nline 2\n" {
				t.Errorf("the open file has %q, %v", lines, err)
			}
			stop(t, lab, c)
		})
	}
}

func restore(t *testing.T, lab *harness.Lab, b *harness.Bundle, image string) *harness.Container {
	t.Helper()
	c, err := lab.Restore(harness.Context(t), lab.ID(), b, image)
	if err != nil {
		t.Fatal(err)
	}
	lab.Keep(t, c)
	return c
}

// restoreCreated restores into a container that was created before, as
// containerd does.
func restoreCreated(t *testing.T, lab *harness.Lab, b *harness.Bundle, image string) *harness.Container {
	t.Helper()
	c, err := lab.Create(harness.Context(t), lab.ID(), b)
	if err != nil {
		t.Fatal(err)
	}
	lab.Keep(t, c)
	if err := c.RestoreInto(harness.Context(t), image); err != nil {
		t.Fatal(err)
	}
	return c
}

// What a mount uses is part of the saved state. A restore that decides
// otherwise must fail as a whole: there is no third way to serve the mount.
func TestRestoreWithOtherDecisions(t *testing.T) {
	for name, change := range map[string]struct {
		rootFrom, aFrom, rootTo, aTo string
		flagTo                       bool
		fits                         bool
	}{
		"mount on to off":         {aFrom: "on", aTo: "off", flagTo: true},
		"mount off to on":         {aFrom: "off", aTo: "on", flagTo: true},
		"mount off to absent":     {aFrom: "off", aTo: "", flagTo: true},
		"rootfs on to off":        {rootFrom: "on", rootTo: "off", flagTo: true},
		"rootfs off to on":        {rootFrom: "off", rootTo: "on", flagTo: true},
		"flag":                    {flagTo: false},
		"everything to off":       {rootTo: "off", aTo: "off", flagTo: false},
		"the same in other words": {rootFrom: "on", aFrom: "off", rootTo: "on", aTo: "", flagTo: false, fits: true},
	} {
		t.Run(name, func(t *testing.T) {
			lab := newLab(t)
			volume := volume(lab, "a")
			bundle := func(root, a string) *harness.Bundle {
				return lab.Bundle(t, harness.MountFrom(volume, "/a"), harness.RootfsHint(root), harness.MountHint("a", "/a", a),
					harness.Args("counter", "/a/lines"))
			}
			c := lab.ServeWith(t, lab.With(flag(true)), bundle(change.rootFrom, change.aFrom))
			expectLine(t, c, "0")
			image := checkpoint(t, lab, c)
			id := lab.ID()
			c, err := lab.With(flag(change.flagTo)).Restore(harness.Context(t), id, bundle(change.rootTo, change.aTo), image)
			if change.fits {
				if err != nil {
					t.Fatal(err)
				}
				lab.Keep(t, c)
				count(t, c, "1")
				checkHeld(t, c, []string{"/"})
				stop(t, lab, c)
				return
			}
			if err == nil {
				lab.Keep(t, c)
				t.Fatal("restored with other decisions than it was saved with")
			}
			t.Log(err)
			for _, words := range []string{"exit code 128", "does not match across checkpoint restore", "directfs-decisions"} {
				if !strings.Contains(err.Error(), words) {
					t.Errorf("the refusal does not say %q: %v", words, err)
				}
			}
			lab.CheckGone(t, id)
		})
	}
}

// A pod is saved as a whole. Its containers are restored one by one, and go on
// when the last one is there. That is so upstream, too, for a pod that is all
// directfs.
func TestRestorePod(t *testing.T) {
	for name, how := range map[string]struct{ overlay, rootfs, a, b string }{
		"rootfs off":               {"none", "off", "on", "off"},
		"rootfs on":                {"none", "on", "on", "off"},
		"rootfs on, self overlay":  {"all:self", "on", "on", "off"},
		"rootfs off, self overlay": {"all:self", "off", "on", "off"},
	} {
		t.Run(name, func(t *testing.T) {
			lab := newLab(t, "--overlay2="+how.overlay)
			want := access{"/": how.rootfs == "on", "/a": how.a == "on", "/b": how.b == "on"}
			member := func(pause *harness.Container) *harness.Bundle {
				return lab.Bundle(t, harness.PodMember(pause.ID, "app"), harness.RootfsHint(how.rootfs),
					harness.MountFrom(volume(lab, "a"), "/a", "rw", "directfs="+how.a),
					harness.MountFrom(volume(lab, "v"), "/b", "rw", "directfs="+how.b),
					harness.Args("counter", "/b/lines"))
			}
			pod := lab.Bundle(t, harness.PodSandbox(), harness.Args("serve"))
			pause := lab.Serve(t, pod)
			readReport(t, pause)
			c := lab.Serve(t, member(pause))
			expectLine(t, c, "0")
			count(t, c, "1")
			image := checkpoint(t, lab, pause, c)

			pause = restore(t, lab, pod, image)
			c = restore(t, lab, member(pause), image)
			count(t, c, "2")
			if how.overlay == "none" {
				checkRestored(t, c, want)
			} else {
				execGuest(t, c, "ops", "/", "/a", "/b")
			}
			checkPodHeld(t, map[*harness.Container]access{pause: {"/": true}, c: want})
			checkStoredSources(t, lab, c)
			stop(t, lab, pause, c)
			checkFilestores(t, false, c.Bundle, pause.Bundle)
		})
	}
}
