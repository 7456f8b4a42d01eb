package e2e

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/directfs/runsc/runsc/harness"
	specs "github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"
)

// A createContainer hook may mount something into the rootfs.
func TestIsolatedHooks(t *testing.T) {
	for _, how := range append(both, "upstream") {
		t.Run(how, func(t *testing.T) {
			lab := newLab(t)
			opts := []harness.Option{harness.RootfsHint(how)}
			if how == "upstream" {
				lab.Binary, opts = harness.Program(t, harness.UpstreamPackage), nil
			}
			b := lab.Bundle(t, append(opts, harness.Mount("/a"), harness.Args("serve", "/a"))...)
			point := filepath.Join(b.Rootfs(), "hooked")
			script := fmt.Sprintf("mount -t tmpfs hook %[1]s && touch %[1]s/by-hook", point)
			if err := os.Mkdir(point, 0o755); err != nil {
				t.Fatal(err)
			}
			b.Spec.Hooks = &specs.Hooks{CreateContainer: []specs.Hook{{Path: "/bin/sh", Args: []string{"sh", "-c", script}, Env: os.Environ()}}}
			if err := b.Save(); err != nil {
				t.Fatal(err)
			}
			c := lab.Serve(t, b)
			checkOps(t, b, readReport(t, c))
			if got := names(t, c, "/hooked"); got != `["by-hook"]` {
				t.Errorf("the hook's mount shows %s", got)
			}
			stop(t, lab, c)
		})
	}
}

// What the host mounts in a source later arrives in a mount with "rslave",
// whatever its access.
func TestIsolatedPropagation(t *testing.T) {
	const want = `["of-later"]`
	for _, how := range append(both, "upstream") {
		t.Run(how, func(t *testing.T) {
			lab := newLab(t)
			option := "directfs=" + how
			if how == "upstream" {
				lab.Binary, option = harness.Program(t, harness.UpstreamPackage), "rbind"
			}
			b := lab.Bundle(t, harness.Mount("/a", "rbind", "rslave", option), harness.Args("serve", "/a"))
			source := b.Source("/a")
			if err := unix.Mount(source, source, "", unix.MS_BIND, ""); err != nil {
				t.Fatal(err)
			}
			if err := unix.Mount("", source, "", unix.MS_SHARED, ""); err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() {
				if err := unix.Unmount(source, unix.MNT_DETACH); err != nil {
					t.Error(err)
				}
			})
			c := lab.Serve(t, b)
			readReport(t, c)
			mountOnHost(t, filepath.Join(source, "later"), "of-later")
			if got := names(t, c, "/a/later"); got != want {
				t.Errorf("a later mount of the host shows %s, want %s", got, want)
			}
			stop(t, lab, c)
		})
	}
}
