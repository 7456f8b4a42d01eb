package e2e

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/directfs/runsc/runsc/harness"
	"github.com/directfs/runsc/runsc/internal/e2e/guest/report"
	specs "github.com/opencontainers/runtime-spec/specs-go"
)

// TestCommands runs every command that works on a running container, on one
// with both kinds of mounts. The overlay is for "tar".
func TestCommands(t *testing.T) {
	lab := newLab(t, "--overlay2=root:memory")
	// The engine's "update" wants resources in the spec.
	limits := harness.Edit(func(s *specs.Spec) {
		s.Linux.Resources = &specs.LinuxResources{Memory: &specs.LinuxMemory{}, CPU: &specs.LinuxCPU{}}
	})
	c := lab.Serve(t, lab.Bundle(t, limits, harness.Mount("/a"), harness.Mount("/b", "rw", "directfs=off"), harness.Args("serve", "/a", "/b")))
	checkOps(t, c.Bundle, readReport(t, c))
	execGuest(t, c, "write", "/upper", "text")
	tarFile := filepath.Join(c.Bundle.Dir, "upper.tar")
	for _, step := range []struct {
		args, want string
	}{
		{"state ID", `"status": "running"`},
		{"list", "running"},
		{"list --quiet", c.ID},
		{"list --format=json", `"id":"` + c.ID + `"`},
		{"ps ID", harness.GuestPath[1:]},
		{"ps --format=json ID", "["},
		{"events --stats ID", `"type":"stats"`},
		{"update --memory=1073741824 ID", ""},
		{"usage ID", "{"},
		{"debug --ps ID", harness.GuestPath[1:]},
		{"debug --stacks ID", "goroutine"},
		{"read ID /a/kept", "kept by guest"},
		{"read ID /b/kept", "kept by guest"},
		{"tar rootfs-upper --file=" + tarFile + " ID", ""},
		{"metric-metadata", "metric"},
		{"export-metrics ID", "# "},
		{"features", `"ociVersionMin"`},
		{"cpu-features", ","},
		{"pause ID", ""},
		{"state ID", `"status": "paused"`},
		{"resume ID", ""},
		{"state ID", `"status": "running"`},
		{"exec ID /guest ops /a /b", `{"dir":"/b","ok":true}`},
		{"exec --user=1:1 --cwd=/a ID /guest cat kept", "kept by guest"},
		{"kill ID URG", ""},
	} {
		args := strings.Fields(strings.ReplaceAll(step.args, "ID", c.ID))
		if out := command(t, lab.Runtime, args...); !strings.Contains(out, step.want) {
			t.Errorf("runsc %s printed %q, want %q in it", step.args, out, step.want)
		}
	}
	if fi, err := os.Stat(tarFile); err != nil || fi.Size() == 0 {
		t.Errorf("tar file: %v, %v", fi, err)
	}
	checkHeld(t, c, []string{"/", "/a"})
	command(t, lab.Runtime, "kill", c.ID, "KILL")
	if code, err := c.Wait(harness.Context(t)); err != nil || code != 128+9 {
		t.Errorf("after kill, exit code %d, %v", code, err)
	}
	command(t, lab.Runtime, "delete", c.ID)
	lab.CheckGone(t, c.ID)
}

// Commands on a container that nobody knows say so.
func TestUnknownContainer(t *testing.T) {
	lab := newLab(t)
	for _, name := range []string{"start", "state", "kill", "delete", "exec", "pause", "resume", "ps", "wait"} {
		res, err := lab.Command(harness.Context(t), name, "nobody", "arg")
		if name != "exec" && name != "kill" && name != "ps" {
			res, err = lab.Command(harness.Context(t), name, "nobody")
		}
		if err != nil || res.ExitCode != 128 || !strings.Contains(res.Stderr, "file does not exist") {
			t.Errorf("%s: %+v, %v", name, res, err)
		}
	}
}

func TestSpecCommand(t *testing.T) {
	lab := newLab(t)
	dir, err := os.MkdirTemp(lab.Dir, "b")
	if err != nil {
		t.Fatal(err)
	}
	command(t, lab.Runtime, "spec", "--bundle="+dir, "--", harness.GuestPath, "exit", "3")
	data, err := os.ReadFile(filepath.Join(dir, "config.json"))
	if err != nil {
		t.Fatal(err)
	}
	var spec specs.Spec
	if err := json.Unmarshal(data, &spec); err != nil {
		t.Fatal(err)
	}
	// What it writes runs.
	b := lab.Bundle(t)
	spec.Root.Path = b.Rootfs()
	b.Spec = &spec
	if err := b.Save(); err != nil {
		t.Fatal(err)
	}
	if res, err := lab.Run(harness.Context(t), lab.ID(), b); err != nil || res.ExitCode != 3 {
		t.Errorf("run: %+v, %v, want exit code 3", res, err)
	}
}

// bwrap turns its arguments into a spec that has a mount at "/", and "run". Its
// sandbox needs the host's sleep(1), so the host's root is mounted there. The
// engine shows nothing of what is mounted below such a root, and does not pass
// --directfs on.
func TestBwrap(t *testing.T) {
	lab := newLab(t)
	tempTo(t, lab)
	table := command(t, lab.Runtime, "bwrap", "--ro-bind", "/", "/", "--proc", "/proc", "/bin/cat", "/proc/mounts")
	r := report.Report{Mounts: report.ParseMounts(table)}
	if m, ok := r.Mount("/"); !ok || !m.Has("directfs") {
		t.Errorf("the root is %+v in %s", m, table)
	}
}
