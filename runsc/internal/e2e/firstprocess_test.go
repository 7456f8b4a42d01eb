package e2e

import (
	"encoding/json"
	"os"
	"path"
	"path/filepath"
	"testing"

	"github.com/directfs/runsc/runsc/harness"
	"github.com/directfs/runsc/runsc/internal/firstprocess"
	specs "github.com/opencontainers/runtime-spec/specs-go"
)

// staged makes the container's process one behind a first process, as the
// sandbox process does: everything but the process's identity is in place. It
// returns the host directory with the layers and the report.
func staged(t *testing.T, b *harness.Bundle, c firstprocess.Config, capabilities firstprocess.Capabilities) (dir string) {
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
	c.Cwd, c.Capabilities = p.Cwd, capabilities
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

// capabilityNames are all capabilities, each at its number (capabilities(7)).
var capabilityNames = []string{
	"CAP_CHOWN",
	"CAP_DAC_OVERRIDE",
	"CAP_DAC_READ_SEARCH",
	"CAP_FOWNER",
	"CAP_FSETID",
	"CAP_KILL",
	"CAP_SETGID",
	"CAP_SETUID",
	"CAP_SETPCAP",
	"CAP_LINUX_IMMUTABLE",
	"CAP_NET_BIND_SERVICE",
	"CAP_NET_BROADCAST",
	"CAP_NET_ADMIN",
	"CAP_NET_RAW",
	"CAP_IPC_LOCK",
	"CAP_IPC_OWNER",
	"CAP_SYS_MODULE",
	"CAP_SYS_RAWIO",
	"CAP_SYS_CHROOT",
	"CAP_SYS_PTRACE",
	"CAP_SYS_PACCT",
	"CAP_SYS_ADMIN",
	"CAP_SYS_BOOT",
	"CAP_SYS_NICE",
	"CAP_SYS_RESOURCE",
	"CAP_SYS_TIME",
	"CAP_SYS_TTY_CONFIG",
	"CAP_MKNOD",
	"CAP_LEASE",
	"CAP_AUDIT_WRITE",
	"CAP_AUDIT_CONTROL",
	"CAP_SETFCAP",
	"CAP_MAC_OVERRIDE",
	"CAP_MAC_ADMIN",
	"CAP_SYSLOG",
	"CAP_WAKE_ALARM",
	"CAP_BLOCK_SUSPEND",
	"CAP_AUDIT_READ",
	"CAP_PERFMON",
	"CAP_BPF",
	"CAP_CHECKPOINT_RESTORE",
}

var allCapabilities = func() *specs.LinuxCapabilities {
	names := capabilityNames
	return &specs.LinuxCapabilities{Bounding: names, Effective: names, Inheritable: names, Permitted: names, Ambient: names}
}()

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

func TestFirst(t *testing.T) {
	lab := newLab(t)
	logTo(t, lab)
	b := lab.Bundle(t, harness.Args("identity", "a"))
	dir := staged(t, b, firstprocess.Config{Overlays: []firstprocess.Overlay{{Target: "/ov", Lowers: 2, Writable: true}}}, firstprocess.Capabilities{})
	id := readIdentity(t, lab, b)
	report, _ := os.ReadFile(filepath.Join(dir, "report"))
	out, _ := json.MarshalIndent(id, "", " ")
	t.Logf("%s\n%s", out, report)
	entries, _ := filepath.Glob(b.Rootfs() + "/*/*")
	t.Log(entries)
}
