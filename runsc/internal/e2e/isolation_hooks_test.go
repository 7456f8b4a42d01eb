package e2e

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/directfs/runsc/runsc/harness"
	specs "github.com/opencontainers/runtime-spec/specs-go"
)

// A createContainer hook covers a mount that is off, or moves it into one that
// is on. It is in no other mount's copy afterwards: the sandbox holds no
// directory of it. The guest sees what the hook left there.
func TestIsolatedHooksThatCoverAndMove(t *testing.T) {
	for name, c := range map[string]struct{ script, want string }{
		"cover":          {"mount -t tmpfs hook off && touch off/by-hook", `["by-hook"]`},
		"cover twice":    {"mount -t tmpfs hook off && mount -t tmpfs hook off && touch off/by-hook", `["by-hook"]`},
		"cover the file": {"touch file.new && mount --bind file.new file", `["of-off"]`},
		"move":           {"mkdir on/x && mount --move off on/x", `["of-off"]`},
		"share and move": {"mount --make-shared on && mkdir on/x && mount --move off on/x", `["of-off"]`},
	} {
		t.Run(name, func(t *testing.T) {
			lab := newLab(t, "--overlay2=none")
			b := lab.Bundle(t, harness.RootfsHint("on"), harness.Mount("/off", "rw", "directfs=off"), harness.FileMount("/file", "text", "directfs=off"), harness.Mount("/on", "rw", "directfs=on"), mark, harness.Args("serve"))
			script := fmt.Sprintf("cd %s && %s", b.Rootfs(), c.script)
			b.Spec.Hooks = &specs.Hooks{CreateContainer: []specs.Hook{{Path: "/bin/sh", Args: []string{"sh", "-c", script}, Env: os.Environ()}}}
			if err := b.Save(); err != nil {
				t.Fatal(err)
			}
			s := lab.Serve(t, b)
			readReport(t, s)
			checkHeld(t, s, []string{"/", "/on"})
			if got := names(t, s, "/off"); got != c.want {
				t.Errorf("/off shows %s, want %s", got, c.want)
			}
			stop(t, lab, s)
		})
	}
}

// A createContainer hook may write to the rootfs, also where the container's
// writes do not arrive there. It may not write to a mount that is read-only.
func TestHooksPrepareTheRootfs(t *testing.T) {
	for _, how := range append(both, "upstream") {
		for _, overlay := range []string{"root:self", "all:memory", "none"} {
			t.Run(how+" "+overlay, func(t *testing.T) {
				lab := newLab(t, "--ignore-cgroups", "--overlay2="+overlay)
				opts := []harness.Option{harness.RootfsHint(how)}
				if how == "upstream" {
					lab.Binary, opts = harness.Program(t, harness.UpstreamPackage), nil
				}
				if overlay == "none" {
					opts = append(opts, harness.ReadonlyRoot())
				}
				b := lab.Bundle(t, append(opts, harness.Mount("/ro", "ro"), harness.Args("serve"))...)
				script := fmt.Sprintf("cd %s && mkdir made && mount -t tmpfs hook made && touch made/by-hook && ! touch ro/by-hook", b.Rootfs())
				b.Spec.Hooks = &specs.Hooks{CreateContainer: []specs.Hook{{Path: "/bin/sh", Args: []string{"sh", "-c", script}, Env: os.Environ()}}}
				if err := b.Save(); err != nil {
					t.Fatal(err)
				}
				c := lab.Serve(t, b)
				readReport(t, c)
				if got := names(t, c, "/made"); got != `["by-hook"]` {
					t.Errorf("the container sees %s", got)
				}
				if res, err := c.Exec(harness.Context(t), "write", "/by-guest", "text"); err != nil || (res.ExitCode == 0) != (overlay != "none") {
					t.Errorf("writing to the rootfs: %+v, %v", res, err)
				}
				if _, err := os.Lstat(filepath.Join(b.Rootfs(), "by-guest")); err == nil {
					t.Error("what the container wrote arrived in the rootfs")
				}
				stop(t, lab, c)
			})
		}
	}
}

// Creating a container ends after its createContainer hooks, and fails if one
// of them does, as with upstream's runtime.
func TestCreateWaitsForHooks(t *testing.T) {
	for _, how := range append(both, "upstream") {
		t.Run(how, func(t *testing.T) {
			// Without the flag a failed create leaves the cgroups, upstream's as well.
			lab := newLab(t, "--ignore-cgroups")
			opts := []harness.Option{harness.RootfsHint(how)}
			if how == "upstream" {
				lab.Binary, opts = harness.Program(t, harness.UpstreamPackage), nil
			}
			b := lab.Bundle(t, append(opts, harness.Args("serve"))...)
			done := filepath.Join(b.Dir, "done")
			for _, script := range []string{"sleep 0.5 && touch " + done, "exit 3"} {
				ok := script != "exit 3"
				b.Spec.Hooks = &specs.Hooks{CreateContainer: []specs.Hook{{Path: "/bin/sh", Args: []string{"sh", "-c", script}, Env: os.Environ()}}}
				if err := b.Save(); err != nil {
					t.Fatal(err)
				}
				c, err := lab.Create(harness.Context(t), lab.ID(), b)
				if c != nil {
					lab.Keep(t, c)
				}
				if (err == nil) != ok {
					t.Errorf("creating with %q: %v", script, err)
				}
				if _, err := os.Stat(done); ok && err != nil {
					t.Errorf("created before the hook was done: %v", err)
				}
			}
		})
	}
}

// A hook makes a second view of a mount that is off, in one that is on: by
// binding it, something in it, or the whole rootfs. Whoever holds the mount that
// is on would get there, so that the container is refused. In a mount that is
// off as well it does no harm.
func TestHooksThatBindAgain(t *testing.T) {
	for name, c := range map[string]struct {
		script string
		ok     bool
	}{
		"in the rootfs":    {"mkdir copy && mount --bind off copy", false},
		"in a mount":       {"mkdir on/copy && mount --bind off on/copy", false},
		"below it":         {"mkdir -p copy off/sub && mount --bind off/sub copy", false},
		"from the source":  {"mkdir copy && mount --bind $SOURCE copy", false},
		"a mount below it": {"mkdir copy && mount --bind off/disk copy", false},
		"moved out of it":  {"mkdir copy && mount --move off/disk copy", false},
		"a hook's in it":   {"mkdir -p copy off/hook && mount -t tmpfs hook off/hook && mount --bind off/hook copy", false},
		"above it":         {"mkdir copy && mount --bind $(dirname $SOURCE) copy", false},
		"all of it":        {"mount --rbind . .", false},
		"in itself":        {"mkdir off/copy && mount --bind off off/copy", true},
		"one that is on":   {"mkdir copy && mount --bind on copy", true},
		"without the rest": {"mount --bind . .", true},
	} {
		t.Run(name, func(t *testing.T) {
			// In a user namespace, a hook cannot take away what came with an rbind.
			lab := newLab(t, "--overlay2=none", "--ignore-cgroups", "--network=host")
			b := lab.Bundle(t, harness.RootfsHint("on"), harness.Mount("/on", "rw", "directfs=on"), harness.Mount("/off", "rw", "rbind", "directfs=off"), harness.Args("serve"))
			mountOnHost(t, filepath.Join(b.Source("/off"), "disk"), "of-disk")
			env := append(os.Environ(), "SOURCE="+b.Source("/off"))
			b.Spec.Hooks = &specs.Hooks{CreateContainer: []specs.Hook{{Path: "/bin/sh", Args: []string{"sh", "-c", "cd " + b.Rootfs() + " && " + c.script}, Env: env}}}
			if err := b.Save(); err != nil {
				t.Fatal(err)
			}
			if !c.ok {
				if s, err := lab.Create(harness.Context(t), lab.ID(), b); err == nil {
					lab.Keep(t, s)
					t.Errorf("%q is accepted", c.script)
				}
				return
			}
			s := lab.Serve(t, b)
			readReport(t, s)
			checkReachable(t, s, []string{"/", "/on"})
			stop(t, lab, s)
		})
	}
}
