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

// A createContainer hook finds the mounts in their places, and may mount
// something into the rootfs and into them.
func TestIsolatedHooks(t *testing.T) {
	for _, how := range append(both, "upstream") {
		t.Run(how, func(t *testing.T) {
			lab := newLab(t)
			opts := []harness.Option{harness.RootfsHint(how)}
			if how == "upstream" {
				lab.Binary, opts = harness.Program(t, harness.UpstreamPackage), nil
			}
			b := lab.Bundle(t, append(opts, harness.Mount("/a"), harness.Mount("/a/b"), mark, harness.Args("serve", "/a"))...)
			script := fmt.Sprintf("cd %s && test -e a/of-a && test -e a/b/of-a-b", b.Rootfs())
			for _, point := range []string{"hooked", "a/hooked", "a/b/hooked"} {
				script += fmt.Sprintf(" && mkdir -p %[1]s && mount -t tmpfs hook %[1]s && touch %[1]s/by-hook", point)
			}
			b.Spec.Hooks = &specs.Hooks{CreateContainer: []specs.Hook{{Path: "/bin/sh", Args: []string{"sh", "-c", script}, Env: os.Environ()}}}
			if err := b.Save(); err != nil {
				t.Fatal(err)
			}
			c := lab.Serve(t, b)
			checkOps(t, b, readReport(t, c))
			for dir, want := range map[string]string{
				"/hooked": `["by-hook"]`, "/a/hooked": `["by-hook"]`, "/a/b/hooked": `["by-hook"]`,
				"/a": `["b","hooked","kept","of-a"]`, "/a/b": `["hooked","of-a-b"]`,
			} {
				if got := names(t, c, dir); got != want {
					t.Errorf("%s shows %s, want %s", dir, got, want)
				}
			}
			for _, dir := range []string{b.Source("/a"), b.Source("/a/b")} {
				if left, err := os.ReadDir(filepath.Join(dir, "hooked")); err != nil || len(left) > 0 {
					t.Errorf("on the host, the hook's mount point has %v, %v", left, err)
				}
			}
			stop(t, lab, c)
		})
	}
}

// What the host mounts in a source later arrives in a mount with "slave" or
// "rslave", whatever its access, and in no other.
func TestIsolatedPropagation(t *testing.T) {
	for _, c := range []struct{ how, propagation, want string }{
		{"on", "rslave", `["of-later"]`}, {"on", "slave", `["of-later"]`}, {"on", "rprivate", `[]`}, {"on", "", `[]`},
		{"off", "rslave", `["of-later"]`}, {"off", "slave", `["of-later"]`}, {"off", "rprivate", `[]`}, {"off", "", `[]`},
		{"upstream", "rslave", `["of-later"]`},
	} {
		how, want := c.how, c.want
		t.Run(how+" "+c.propagation, func(t *testing.T) {
			lab := newLab(t)
			options := []string{"directfs=" + how}
			if how == "upstream" {
				lab.Binary, options = harness.Program(t, harness.UpstreamPackage), nil
			}
			b := lab.Bundle(t, harness.Mount("/a", append(options, "rbind", c.propagation)...), harness.Args("serve", "/a"))
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
