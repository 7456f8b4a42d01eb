package e2e

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/directfs/runsc/runsc/harness"
	specs "github.com/opencontainers/runtime-spec/specs-go"
)

// An image whose links lead elsewhere in the sandbox than in its own directories
// cannot put a program of its own in the place of the first process, which has all
// capabilities.
func TestOverlayLinkThroughProc(t *testing.T) {
	lab := newLab(t)
	s := newStack(t, lab, "s", 1)
	b := lab.Bundle(t, s.at("/ov", "gvisor.overlay=sentry"), harness.Args("identity"), harness.Edit(func(s *specs.Spec) {
		s.Process.Args = []string{"identity"} // what the image's own program gets
		s.Process.User = specs.User{UID: 1000, GID: 1000}
		s.Process.Capabilities = &specs.LinuxCapabilities{}
	}))
	rootfs := b.Rootfs()
	guest, err := os.ReadFile(filepath.Join(rootfs, "guest"))
	errs := []error{err}
	for _, dir := range []string{"proc", "b/c/d", "b/evil", "evil"} {
		errs = append(errs, os.MkdirAll(filepath.Join(rootfs, dir), 0o755))
	}
	errs = append(errs,
		os.Remove(filepath.Join(rootfs, "ov")),
		os.Symlink("/b/c/d", filepath.Join(rootfs, "proc/sys")),
		os.Symlink("/proc/sys/../../evil", filepath.Join(rootfs, "ov")),
		os.WriteFile(filepath.Join(rootfs, "evil/runsc-first-process"), guest, 0o755))
	if err := errors.Join(errs...); err != nil {
		t.Fatal(err)
	}
	res, err := lab.Run(harness.Context(t), lab.ID(), b)
	if err != nil {
		t.Fatal(err)
	}
	const want = `mount "/ov" leads to "/b/evil": a symbolic link is in the destination of an overlay that the sandbox makes`
	if res.ExitCode == 0 || !strings.Contains(res.Stderr, want) {
		t.Errorf("exit code %d, want an error with %q: %s", res.ExitCode, want, res.Stderr)
	}
	if res.Stdout != "" {
		t.Errorf("the image's program ran: %s", res.Stdout)
	}
}

// In a volume that others have too, they could exchange an overlay's place for a
// directory with a program of theirs, before the first process is started.
func TestOverlayInVolume(t *testing.T) {
	lab := newLab(t)
	for name, volume := range map[string]harness.Option{"bind": harness.Mount("/v"), "overlay": newStack(t, lab, "h", 1).at("/v")} {
		b := lab.Bundle(t, volume, newStack(t, lab, name, 1).at("/v/ov", "gvisor.overlay=sentry"), harness.Args("serve"))
		res, err := lab.Run(harness.Context(t), lab.ID(), b)
		if err != nil {
			t.Fatal(err)
		}
		const want = `mount "/v/ov" is in mount "/v": the sandbox makes no overlay in another mount`
		if res.ExitCode == 0 || !strings.Contains(res.Stderr, want) {
			t.Errorf("in a mount of type %s: exit code %d, want an error with %q: %s", name, res.ExitCode, want, res.Stderr)
		}
	}
}
