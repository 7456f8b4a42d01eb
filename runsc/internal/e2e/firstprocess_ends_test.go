package e2e

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/directfs/runsc/runsc/harness"
	"github.com/directfs/runsc/runsc/internal/overlays"
	specs "github.com/opencontainers/runtime-spec/specs-go"
)

// A program that cannot be executed is reported in the words in which the engine
// refuses it, with the exit codes of a shell.
func TestFirstProcessErrors(t *testing.T) {
	const said = "running container: starting container: starting root container: starting sandbox: "
	for name, c := range map[string]struct {
		edit func(*specs.Process)
		code int
	}{
		"missing":          {func(p *specs.Process) { p.Args = []string{"/none"} }, 127},
		"missing in PATH":  {func(p *specs.Process) { p.Args = []string{"none"} }, 127},
		"without PATH":     {func(p *specs.Process) { p.Args, p.Env = []string{"none"}, nil }, 127},
		"relative":         {func(p *specs.Process) { p.Args = []string{"./none"} }, 127},
		"empty":            {func(p *specs.Process) { p.Args = []string{""} }, 126},
		"plain":            {func(p *specs.Process) { p.Args = []string{"/plain"} }, 126},
		"plain in PATH":    {func(p *specs.Process) { p.Args = []string{"plain"} }, 126},
		"no program":       {func(p *specs.Process) { p.Args = []string{"/program"} }, 126},
		"no interpreter":   {func(p *specs.Process) { p.Args = []string{"/script"} }, 127},
		"private":          {func(p *specs.Process) { p.Args, p.User.UID = []string{"/private/guest"}, 1000 }, 126},
		"private in PATH":  {func(p *specs.Process) { p.Args, p.Env, p.User.UID = []string{"guest"}, []string{"PATH=/private"}, 1000 }, 126},
		"below private":    {func(p *specs.Process) { p.Cwd, p.User.UID = "/private/a", 1000 }, 125},
		"directory a file": {func(p *specs.Process) { p.Args = []string{"/tmp"} }, 126},
	} {
		t.Run(name, func(t *testing.T) {
			lab := newLab(t)
			build := func() *harness.Bundle {
				b := lab.Bundle(t, harness.Edit(func(s *specs.Spec) { c.edit(s.Process); s.Process.Capabilities = &specs.LinuxCapabilities{} }))
				writeFile(t, filepath.Join(b.Rootfs(), "private/guest"), "x")
				writeFile(t, filepath.Join(b.Rootfs(), "private/a/x"), "x")
				writeFile(t, filepath.Join(b.Rootfs(), "plain"), "x")
				writeFile(t, filepath.Join(b.Rootfs(), "program"), "not one")
				writeFile(t, filepath.Join(b.Rootfs(), "script"), "#!/none\n")
				for file, mode := range map[string]os.FileMode{"private": 0o700, "program": 0o755, "script": 0o755} {
					if err := os.Chmod(filepath.Join(b.Rootfs(), file), mode); err != nil {
						t.Fatal(err)
					}
				}
				return b
			}
			plain, err := lab.Run(harness.Context(t), lab.ID(), build())
			if err != nil {
				t.Fatal(err)
			}
			want, refused := strings.CutPrefix(strings.TrimSpace(plain.Stderr), said)
			if !refused {
				t.Fatalf("the engine says %q", plain.Stderr)
			}
			b := build()
			dir := staged(t, b, oneOverlay)
			res, err := lab.Run(harness.Context(t), lab.ID(), b)
			if err != nil {
				t.Fatal(err)
			}
			if res.ExitCode != c.code || res.Stderr != "" {
				t.Errorf("exit code %d, want %d: %s", res.ExitCode, c.code, res.Stderr)
			}
			checkReport(t, dir, errors.New(want))
		})
	}
}

// The host learns that the first process has become another when its report is
// closed.
func TestFirstProcessCloses(t *testing.T) {
	for _, directfs := range []string{"true", "false"} {
		t.Run("directfs "+directfs, func(t *testing.T) {
			lab := newLab(t, "--directfs="+directfs)
			b := lab.Bundle(t, harness.Args("serve"))
			dir := staged(t, b, oneOverlay)
			watch, err := overlays.WatchReport(filepath.Join(dir, "report"))
			if err != nil {
				t.Fatal(err)
			}
			defer watch.Close()
			c := lab.Serve(t, b)
			if err := watch.Wait(time.Minute, func() bool { return true }); err != nil {
				t.Error(err)
			}
			checkReport(t, dir, nil)
			stop(t, lab, c)
		})
	}
}

// A checkpoint has the overlay in it, without what it was staged with, and a
// restored container goes on with its layers; twice.
func TestFirstProcessRestore(t *testing.T) {
	for _, directfs := range []string{"true", "false"} {
		for name, again := range map[string]func(*testing.T, *harness.Lab, *harness.Bundle, string) *harness.Container{"restore": restore, "created": restoreCreated} {
			t.Run(name+" directfs "+directfs, func(t *testing.T) {
				lab := newLab(t, "--directfs="+directfs)
				b := lab.Bundle(t, harness.Args("counter", "/ov/lines"))
				dir := staged(t, b, oneOverlay)
				fillLayers(t, dir)
				writeFile(t, filepath.Join(dir, "ov/l1/lines"), "line 0\n")
				c := lab.Serve(t, b)
				expectLine(t, c, "0")
				for _, line := range []string{"1", "2"} {
					count(t, c, line)
					c = again(t, lab, b, checkpoint(t, lab, c))
				}
				count(t, c, "3")
				execGuest(t, c, "merged", "/ov")
				if got := inUpper(t, filepath.Join(dir, "ov/u/lines")); got != "file line 0\nline 1\nline 2\nline 3\n" {
					t.Errorf("the open file has %q", got)
				}
				if got := inUpper(t, filepath.Join(dir, "ov/u/remove")); got != "whiteout" {
					t.Errorf("the removed file is %q", got)
				}
				stop(t, lab, c)
			})
		}
	}
}

// Containers that join a sandbox have first processes, too.
func TestFirstProcessInPod(t *testing.T) {
	lab := newLab(t)
	pause := lab.Serve(t, lab.Bundle(t, harness.PodSandbox(), harness.Args("serve")))
	readReport(t, pause)
	identity := func(first bool) map[string]string {
		few := capabilityNames[:3]
		b := lab.Bundle(t, harness.PodMember(pause.ID, "app"), harness.Args("identity"), harness.Edit(func(s *specs.Spec) {
			s.Process.User, s.Process.NoNewPrivileges = specs.User{UID: 1000, GID: 1000, AdditionalGids: []uint32{7}}, true
			s.Process.Capabilities = &specs.LinuxCapabilities{Bounding: few, Permitted: few, Effective: few, Inheritable: few[:1], Ambient: few[:1]}
		}), harness.RawMount(specs.Mount{Destination: "/ov", Type: "tmpfs", Source: "tmpfs"}))
		if first {
			b.Spec.Mounts = b.Spec.Mounts[:len(b.Spec.Mounts)-1]
			fillLayers(t, staged(t, b, oneOverlay))
		}
		c := lab.Serve(t, b)
		line, err := c.Stdout.Line(harness.Context(t))
		if err != nil {
			t.Fatalf("%v: %s", err, c.Stderr.Text())
		}
		id := map[string]string{}
		if err := json.Unmarshal([]byte(line), &id); err != nil {
			t.Fatal(err)
		}
		return id
	}
	compareIdentities(t, identity(true), identity(false))
}

// With a terminal it is the container's, and the process leads its session.
func TestFirstProcessTerminal(t *testing.T) {
	lab := newLab(t)
	identity := func(first bool) map[string]string {
		b := lab.Bundle(t, harness.Args("identity"), harness.Edit(func(s *specs.Spec) { s.Process.Terminal, s.Process.User.UID = true, 1000 }),
			harness.RawMount(specs.Mount{Destination: "/ov", Type: "tmpfs", Source: "tmpfs"}))
		if first {
			b.Spec.Mounts = b.Spec.Mounts[:len(b.Spec.Mounts)-1]
			staged(t, b, oneOverlay)
		}
		got := map[string]string{}
		if err := json.NewDecoder(startOnTerminal(t, lab, b)).Decode(&got); err != nil {
			t.Fatal(err)
		}
		return got
	}
	compareIdentities(t, identity(true), identity(false))
}
