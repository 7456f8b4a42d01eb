package e2e

import (
	"encoding/json"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/directfs/runsc/runsc/harness"
	"github.com/directfs/runsc/runsc/internal/firstprocess"
	specs "github.com/opencontainers/runtime-spec/specs-go"
)

// staged makes the container's process one behind a first process, as the
// sandbox process does: everything but the process's identity is in place. It
// returns the host directory with the layers and the report.
func staged(t *testing.T, b *harness.Bundle, c firstprocess.Config) (dir string) {
	t.Helper()
	dir = filepath.Join(b.Dir, "staged")
	bind := func(source, target string, options ...string) {
		b.Spec.Mounts = append(b.Spec.Mounts, specs.Mount{Destination: target, Type: "bind", Source: source, Options: options})
	}
	for i, o := range c.Overlays {
		b.Spec.Mounts = append(b.Spec.Mounts, specs.Mount{Destination: o.Target, Type: "tmpfs", Source: "tmpfs"})
		own := filepath.Join(dir, path.Base(o.Target))
		layers := []string{}
		for l := range o.Lowers {
			layers = append(layers, firstprocess.LowerName(l))
			bind(filepath.Join(own, firstprocess.LowerName(l)), path.Join(o.Target, firstprocess.LowerName(l)), "ro")
		}
		if o.Writable {
			layers = append(layers, firstprocess.UpperName)
			bind(filepath.Join(own, firstprocess.UpperName), path.Join(o.Target, firstprocess.UpperName), "rw")
		}
		for _, l := range layers {
			if err := os.MkdirAll(filepath.Join(own, l), 0o755); err != nil {
				t.Fatal(err)
			}
		}
		if i == 0 {
			report := filepath.Join(dir, "report")
			if err := os.WriteFile(report, nil, 0o600); err != nil {
				t.Fatal(err)
			}
			bind(report, path.Join(o.Target, firstprocess.ReportName), "rw")
			bind(harness.OurBinary(t), path.Join(o.Target, firstprocess.ProgramName), "ro")
		}
	}
	p := b.Spec.Process
	c.Cwd, c.Capabilities = p.Cwd, capabilitySets(p.Capabilities)
	args, env, err := firstprocess.Command(c, p.Args, p.Env)
	if err != nil {
		t.Fatal(err)
	}
	p.Args, p.Env, p.Cwd = args, env, "/"
	p.Capabilities = allCapabilities
	if err := b.Save(); err != nil {
		t.Fatal(err)
	}
	return dir
}

// readIdentity runs the bundle to its end.
func readIdentity(t *testing.T, lab *harness.Lab, b *harness.Bundle) map[string]string {
	t.Helper()
	res, err := lab.Run(harness.Context(t), lab.ID(), b)
	if err == nil {
		err = res.Err()
	}
	if err != nil {
		t.Fatal(err)
	}
	id := map[string]string{}
	if err := json.Unmarshal([]byte(res.Stdout), &id); err != nil {
		t.Fatalf("%v: %q, %s", err, res.Stdout, res.Stderr)
	}
	return id
}

// comparableMounts takes what the overlay itself adds out of a mount table, and the
// numbers of the sandbox process's files.
func comparableMounts(mounts string) string {
	lines := strings.Split(mounts, `\n`)
	lines = slices.DeleteFunc(lines, func(line string) bool { return strings.HasPrefix(line, "none /ov ") })
	return regexp.MustCompile(`[rw]fdno=[0-9]+`).ReplaceAllString(strings.Join(lines, "\n"), "fd")
}

// compareIdentities compares what processes behind a first process, and without
// one, have been given.
func compareIdentities(t *testing.T, got, want map[string]string) {
	t.Helper()
	for _, id := range []map[string]string{want, got} {
		id["mounts"] = comparableMounts(id["mounts"])
	}
	for key, value := range want {
		if got[key] != value {
			t.Errorf("%s: %s\nwithout a first process: %s", key, got[key], value)
		}
	}
}

var oneOverlay = firstprocess.Config{Overlays: []firstprocess.Overlay{{Target: "/ov", Lowers: 2, Writable: true}}}

// What a process behind a first process is, is what it is without one.
func TestFirstProcessIdentity(t *testing.T) {
	few := []string{"CAP_CHOWN", "CAP_NET_BIND_SERVICE", "CAP_SYS_PTRACE", "CAP_DAC_OVERRIDE"}
	none := &specs.LinuxCapabilities{}
	limited := &specs.LinuxCapabilities{Bounding: few, Effective: few[:1], Permitted: few[:3]}
	ambient := &specs.LinuxCapabilities{Bounding: few, Effective: few, Permitted: few, Inheritable: few, Ambient: few[1:3]}
	odd := &specs.LinuxCapabilities{Bounding: few[:1], Effective: few[1:2], Permitted: few[2:], Inheritable: few}
	mask := uint32(0o077)
	for name, edit := range map[string]func(*specs.Process){
		"root":          func(*specs.Process) {},
		"root without":  func(p *specs.Process) { p.Capabilities = none },
		"root limited":  func(p *specs.Process) { p.Capabilities = limited },
		"root with all": func(p *specs.Process) { p.Capabilities = allCapabilities },
		"root bound":    func(p *specs.Process) { p.Capabilities, p.NoNewPrivileges = limited, true },
		"user":          func(p *specs.Process) { p.User = specs.User{UID: 1000, GID: 1001} },
		"user with groups": func(p *specs.Process) {
			p.User = specs.User{UID: 1000, GID: 1001, AdditionalGids: []uint32{5, 7, 1001}, Umask: &mask}
		},
		"user ambient":    func(p *specs.Process) { p.User.UID, p.Capabilities = 1000, ambient },
		"user bound":      func(p *specs.Process) { p.User.UID, p.Capabilities, p.NoNewPrivileges = 1000, ambient, true },
		"user odd":        func(p *specs.Process) { p.User.UID, p.Capabilities = 1000, odd },
		"root odd":        func(p *specs.Process) { p.Capabilities = odd },
		"root odd bound":  func(p *specs.Process) { p.Capabilities, p.NoNewPrivileges = odd, true },
		"root of a group": func(p *specs.Process) { p.User.GID = 99 },
		"limits": func(p *specs.Process) {
			p.Rlimits = []specs.POSIXRlimit{{Type: "RLIMIT_NOFILE", Soft: 100, Hard: 200}, {Type: "RLIMIT_CORE", Soft: 1, Hard: 2},
				{Type: "RLIMIT_FSIZE", Soft: 1 << 20, Hard: 1 << 21}, {Type: "RLIMIT_NPROC", Soft: 100, Hard: 100}}
		},
		"low limits": func(p *specs.Process) {
			p.Rlimits = []specs.POSIXRlimit{{Type: "RLIMIT_NOFILE", Soft: 8, Hard: 8}, {Type: "RLIMIT_FSIZE", Soft: 0, Hard: 0},
				{Type: "RLIMIT_NPROC", Soft: 1, Hard: 1}, {Type: "RLIMIT_MEMLOCK", Soft: 0, Hard: 0}, {Type: "RLIMIT_DATA", Soft: 0, Hard: 0}}
		},
		"environment": func(p *specs.Process) {
			p.Env = []string{"PATH=/nowhere:/", "GODEBUG=inittrace=1", "GOMAXPROCS=1", "A=", "RUNSC_FIRST_PROCESS=x", "+B=c", "HOME=/root"}
			p.Args = []string{"guest", "identity", "", "b c"}
		},
		"directory": func(p *specs.Process) { p.Cwd, p.User.UID, p.Args[0] = "/a/b", 1000, "../../guest" },
	} {
		t.Run(name, func(t *testing.T) {
			lab := newLab(t)
			build := func() *harness.Bundle {
				b := lab.Bundle(t, harness.Args("identity"), harness.Edit(func(s *specs.Spec) { edit(s.Process) }))
				writeFile(t, filepath.Join(b.Rootfs(), "etc/passwd"), "x:x:1000:1::/home/x:/bin/sh\n")
				return b
			}
			b := build()
			b.Spec.Mounts = append(b.Spec.Mounts, specs.Mount{Destination: "/ov", Type: "tmpfs", Source: "tmpfs"})
			if err := b.Save(); err != nil {
				t.Fatal(err)
			}
			want := readIdentity(t, lab, b)
			b = build()
			staged(t, b, oneOverlay)
			got := readIdentity(t, lab, b)
			compareIdentities(t, got, want)
		})
	}
}

func writeFile(t *testing.T, file, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}
