package e2e

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/directfs/runsc/runsc/harness"
	specs "github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"
)

// From inside, with all capabilities, the layers are not found: not in the mount
// table, not under the overlay, and not by what processes hold.
func TestOverlaySentryLayersHidden(t *testing.T) {
	for _, directfs := range []bool{true, false} {
		t.Run(flag(directfs), func(t *testing.T) {
			lab := newLab(t, flag(directfs))
			s := newStack(t, lab, "s", 2)
			layText(t, filepath.Join(s.lowers[1], "file"), "hidden by the layer above")
			all := harness.Edit(func(s *specs.Spec) { s.Process.Capabilities = allCapabilities })
			c := lab.Serve(t, lab.Bundle(t, s.at("/ov", bySentry), all, harness.Args("serve")))
			readReport(t, c)
			for _, file := range []string{"/proc/self/mountinfo", "/proc/self/mounts", "/proc/1/maps", "/proc/1/environ", "/proc/1/cmdline"} {
				text := execGuest(t, c, "cat", file)
				for _, word := range []string{"runsc-first-process", "report", "/ov/l", "/ov/u", "RUNSC", lab.Dir, s.lowers[0]} {
					if strings.Contains(text, word) {
						t.Errorf("%s has %q: %s", file, word, text)
					}
				}
			}
			for _, dir := range []string{"/proc/1/fd", "/proc/1/root", "/proc/1/cwd", "/proc/1/map_files"} {
				res, err := c.Exec(harness.Context(t), "list", dir)
				if err != nil || strings.Contains(res.Stdout, "runsc-first") || strings.Contains(res.Stdout, `"l0"`) {
					t.Errorf("%s: %+v, %v", dir, res, err)
				}
			}
			if got := execGuest(t, c, "cat", "/ov/file"); got != "lower" {
				t.Errorf("the file has %q", got)
			}
			if got := execGuest(t, c, "uncover", "/ov"); got != `["[file in-lower0 in-lower1] \u003cnil\u003e","[] \u003cnil\u003e","[] \u003cnil\u003e"]`+"\n" {
				t.Errorf("at the overlay, and under it, are %s", got)
			}
			stop(t, lab, c)
		})
	}
}

// Whoever takes over the sandbox cannot write to lower layers: by no FD that it has,
// nor by any that its gofer has.
func TestOverlaySentryLowersReadOnly(t *testing.T) {
	lab := newLab(t)
	s := newStack(t, lab, "s", 2)
	c := lab.Serve(t, lab.Bundle(t, s.at("/ov", bySentry), harness.Args("serve", "/ov")))
	checkOpsInside(t, readReport(t, c))
	found := 0
	for _, pid := range []int{c.SandboxPID, c.GoferPID} {
		for _, l := range s.lowers {
			for _, d := range (stack{lowers: []string{l}}).lockFDs(t, pid) {
				found++
				name := fmt.Sprintf("/proc/%d/fd/%d/written", pid, d.FD)
				if f, err := os.Create(name); err == nil {
					f.Close()
					t.Errorf("%s could be written", name)
				} else if pe := err.(*os.PathError); pe.Err != unix.EROFS {
					t.Errorf("writing %s: %v", name, err)
				}
			}
		}
	}
	if found < 4 {
		t.Errorf("%d FDs of lower layers were found", found)
	}
	// The tree that the gofer serves.
	for i := range 16 {
		tree := fmt.Sprintf("/proc/%d/root/%d", c.GoferPID, i)
		if _, err := os.Stat(tree + "/in-lower0"); err != nil {
			continue
		}
		if err := os.WriteFile(tree+"/in-lower0", nil, 0); err == nil {
			t.Errorf("%s can be written", tree)
		}
	}
	stop(t, lab, c)
}

// Hooks see no layers, in the mount namespace of the gofer, where they find an empty
// directory at the destination.
func TestOverlaySentryHooks(t *testing.T) {
	lab := newLab(t)
	s := newStack(t, lab, "s", 2)
	out := filepath.Join(scratch(t, lab), "out")
	const look = `{ ls -A "$1/ov"; grep -c "$3" /proc/self/mountinfo; } > "$2" 2>&1; true`
	b := lab.Bundle(t, s.at("/ov", bySentry), harness.Args("serve"), harness.Mount("/a"))
	hook := func(name string) []specs.Hook {
		return []specs.Hook{{Path: "/bin/sh", Args: []string{"sh", "-c", look, "sh", b.Rootfs(), out + name, filepath.Dir(s.upper)}}}
	}
	b.Spec.Hooks = &specs.Hooks{CreateRuntime: hook("-runtime"), CreateContainer: hook("-container"), Poststart: hook("-poststart")}
	if err := b.Save(); err != nil {
		t.Fatal(err)
	}
	c := lab.Serve(t, b)
	readReport(t, c)
	for _, name := range []string{"-runtime", "-container", "-poststart"} {
		if got := readFile(t, out+name); got != "0\n" {
			t.Errorf("the hook %s sees %q", name, got)
		}
	}
	if got := names(t, c, "/ov"); got != `["file","in-lower0","in-lower1"]` {
		t.Errorf("the overlay has %s", got)
	}
	stop(t, lab, c)
}

// Poststart hooks run when the overlays are there, in the first container of a
// sandbox and in those that join.
func TestOverlaySentryPoststart(t *testing.T) {
	lab := newLab(t)
	pause := servePod(t, lab, lab.Runtime, true, harness.PodSandbox())
	for name, opts := range map[string][]harness.Option{"first": nil, "member": {harness.PodMember(pause.ID, "app")}} {
		s, id := newStack(t, lab, name, 2), lab.ID()
		args := append(append([]string{"runsc", "--root=" + lab.Root}, lab.Flags...), "exec", id, harness.GuestPath, "write", "/ov/by-hook", "x")
		hooks := harness.Hooks(specs.Hooks{Poststart: []specs.Hook{{Path: lab.Binary, Args: args}}})
		c, err := lab.Create(harness.Context(t), id, lab.Bundle(t, append(opts, s.at("/ov", bySentry), hooks, harness.Args("serve"))...))
		if err != nil {
			t.Fatal(err)
		}
		lab.Keep(t, c)
		if err := c.Start(harness.Context(t)); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if got := readFile(t, s.upper+"/by-hook"); got != "x\n" {
			t.Errorf("%s: the upper layer has %q", name, got)
		}
		stop(t, lab, c)
	}
	stop(t, lab, pause)
}

// A user who is not root has overlays of the sentry, twice over the same layers.
func TestOverlaySentryRootless(t *testing.T) {
	for _, directfs := range []bool{true, false} {
		t.Run(flag(directfs), func(t *testing.T) {
			lab := newRootlessLab(t, flag(directfs))
			s := newStack(t, lab, "s", 2)
			if err := giveTo(nobodys, filepath.Dir(s.upper)); err != nil {
				t.Fatal(err)
			}
			b := lab.Bundle(t, harness.OwnedBy(nobodys), s.at("/ov", bySentry), harness.Mount("/ov/bind"), harness.Args("serve", "/ov", "/ov/bind"))
			for range 2 {
				c := runDetached(t, lab, b)
				checkOpsInside(t, readReport(t, c))
				changeInGuest(t, c)
				layText(t, filepath.Join(s.lowers[0], "file"), "lower")
				stop(t, lab, c)
				s.checkUnlocked(t)
				_ = os.Remove(filepath.Join(s.upper, "file"))
			}
			res, err := lab.Run(harness.Context(t), lab.ID(), lab.Bundle(t, harness.OwnedBy(nobodys), s.at("/ov", bySentry), harness.Args(), harness.Edit(func(s *specs.Spec) { s.Process.Args = []string{"/none"} })))
			if err != nil || res.ExitCode != 128 || !strings.Contains(res.Stderr, "failed to load /none: no such file or directory") {
				t.Errorf("a missing program: %+v, %v", res, err)
			}
			s.checkUnlocked(t)
		})
	}
}
