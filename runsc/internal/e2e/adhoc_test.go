package e2e

import (
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/directfs/runsc/runsc/harness"
	"github.com/directfs/runsc/runsc/internal/firstprocess"
	specs "github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"
)

func TestAdhocErrors(t *testing.T) {
	for name, edit := range map[string]func(*harness.Bundle){
		"missing absolute":    func(b *harness.Bundle) { b.Spec.Process.Args = []string{"/nope"} },
		"missing in PATH":     func(b *harness.Bundle) { b.Spec.Process.Args = []string{"nope"} },
		"missing no PATH":     func(b *harness.Bundle) { b.Spec.Process.Args = []string{"nope"}; b.Spec.Process.Env = nil },
		"missing relative":    func(b *harness.Bundle) { b.Spec.Process.Args = []string{"./nope"} },
		"empty":               func(b *harness.Bundle) { b.Spec.Process.Args = []string{""} },
		"not executable":      func(b *harness.Bundle) { writeFile(t, b.Rootfs()+"/plain", "x"); b.Spec.Process.Args = []string{"/plain"} },
		"not executable PATH": func(b *harness.Bundle) { writeFile(t, b.Rootfs()+"/plain", "x"); b.Spec.Process.Args = []string{"plain"} },
		"not elf":             func(b *harness.Bundle) { writeFile(t, b.Rootfs()+"/plain", "xxxxxxxxxxx"); os.Chmod(b.Rootfs()+"/plain", 0o755); b.Spec.Process.Args = []string{"/plain"} },
		"no interpreter":      func(b *harness.Bundle) { writeFile(t, b.Rootfs()+"/plain", "#!/nope\n"); os.Chmod(b.Rootfs()+"/plain", 0o755); b.Spec.Process.Args = []string{"/plain"} },
		"directory":           func(b *harness.Bundle) { b.Spec.Process.Args = []string{"/tmp"} },
		"cwd is file":         func(b *harness.Bundle) { b.Spec.Process.Cwd = "/guest" },
		"cwd below file":      func(b *harness.Bundle) { b.Spec.Process.Cwd = "/guest/a" },
		"cwd unsearchable":    func(b *harness.Bundle) { os.Mkdir(b.Rootfs()+"/priv", 0o700); os.Mkdir(b.Rootfs()+"/priv/x", 0o755); b.Spec.Process.Cwd = "/priv/x"; b.Spec.Process.User.UID = 1000; b.Spec.Process.Capabilities = nil },
		"cwd itself":    func(b *harness.Bundle) { os.Mkdir(b.Rootfs()+"/priv", 0o700); b.Spec.Process.Cwd = "/priv"; b.Spec.Process.User.UID = 1000; b.Spec.Process.Capabilities = nil },
	} {
		t.Run(name, func(t *testing.T) {
			lab := newLab(t)
			b := lab.Bundle(t)
			edit(b); b.Save()
			if b.Spec.Process.Capabilities == nil { b.Spec.Process.Capabilities = &specs.LinuxCapabilities{} }
			res, _ := lab.Run(harness.Context(t), lab.ID(), b)
			b = lab.Bundle(t)
			edit(b); if b.Spec.Process.Capabilities == nil { b.Spec.Process.Capabilities = &specs.LinuxCapabilities{} }
			dir := staged(t, b, oneOverlay)
			res2, _ := lab.Run(harness.Context(t), lab.ID(), b)
			data, _ := os.ReadFile(dir + "/report")
			if len(res.Stdout)>50 {res.Stdout="..."}
			if len(res2.Stdout)>50 {res2.Stdout="..."}
			t.Logf("%s:\n  plain %d %q\n  first %d %q %q\n  report %q", name, res.ExitCode, res.Stderr, res2.ExitCode, res2.Stdout, res2.Stderr, data)
		})
	}
}

func TestAdhocClose(t *testing.T) {
	for _, f := range []bool{true, false} {
	lab := harness.NewLab(t, flag(f))
	b := lab.Bundle(t, harness.Args("serve"))
	dir := staged(t, b, oneOverlay)
	fd, err := unix.InotifyInit1(0)
	if err != nil { t.Fatal(err) }
	unix.InotifyAddWatch(fd, dir+"/report", unix.IN_ALL_EVENTS)
	c := lab.Serve(t, b)
	readReport(t, c)
	time.Sleep(200*time.Millisecond)
	buf := make([]byte, 65536)
	unix.SetNonblock(fd, true)
	n, err := unix.Read(fd, buf)
	var masks []uint32
	for off := 0; off+16 <= n; off += 16 { masks = append(masks, uint32(buf[off+4])|uint32(buf[off+5])<<8|uint32(buf[off+6])<<16) }
	t.Logf("directfs %v: %x %v", f, masks, err)
	stop(t, lab, c)
	n, _ = unix.Read(fd, buf)
	masks=nil
	for off := 0; off+16 <= n; off += 16 { masks = append(masks, uint32(buf[off+4])|uint32(buf[off+5])<<8|uint32(buf[off+6])<<16) }
	t.Logf("after stop %x", masks)
	unix.Close(fd)
	}
}

func TestAdhocTime(t *testing.T) {
	for _, f := range []bool{true, false} {
	lab := harness.NewLab(t, flag(f))
	once := func(kind string) time.Duration {
			b := lab.Bundle(t, harness.Args("serve"))
			switch kind {
			case "plain":
			case "staged":
				p := *b.Spec.Process
				staged(t, b, oneOverlay)
				b.Spec.Process = &p
			case "first":
				staged(t, b, oneOverlay)
			case "small":
				staged(t, b, oneOverlay)
				for i := range b.Spec.Mounts { if b.Spec.Mounts[i].Destination == "/ov/" + firstprocess.ProgramName { b.Spec.Mounts[i].Source = "/tmp/ovsentry-tmp/small/p" } }
			}
			b.Save()
			c, err := lab.Create(harness.Context(t), lab.ID(), b)
			if err != nil { t.Fatal(err) }
			s := time.Now()
			if err := c.Start(harness.Context(t)); err != nil { t.Fatal(err) }
			readReport(t, c)
			d := time.Since(s)
			c.Delete(harness.Context(t))
			return d
	}
	all := map[string][]time.Duration{}
	for range 20 { for _, k := range []string{"plain", "staged", "first", "small"} { all[k] = append(all[k], once(k)) } }
	for k, v := range all { slices.Sort(v); t.Logf("directfs %v: %s median %v min %v", f, k, v[10], v[0]) }
	}
}

func TestAdhocLowers(t *testing.T) {
	for _, n := range []int{100, 480} {
	lab := harness.NewLab(t)
	b := lab.Bundle(t, harness.Args("list", "/ov"))
	dir := staged(t, b, firstprocess.Config{Overlays: []firstprocess.Overlay{{Target: "/ov", Lowers: n, Writable: true}}})
	for i := range n { writeFile(t, filepath.Join(dir, "ov", firstprocess.LowerName(i), "f"+firstprocess.LowerName(i)), "x") }
	s := time.Now()
	res, err := lab.Run(harness.Context(t), lab.ID(), b)
	data, _ := os.ReadFile(dir + "/report")
	t.Log(n, len(res.Stdout), res.Stderr, err, string(data), time.Since(s))
	}
}

func TestAdhocLimits(t *testing.T) {
	for _, as := range []uint64{4 << 30, 1<<30, 512<<20, 256 << 20, 128 << 20, 64 << 20, 32<<20} {
	lab := harness.NewLab(t)
	b := lab.Bundle(t, harness.Edit(func(s *specs.Spec) { s.Process.Args = []string{"/usr/bin/true"}; s.Process.Rlimits = []specs.POSIXRlimit{{Type: "RLIMIT_AS", Soft: as, Hard: as}} }),
		harness.MountFrom("/usr", "/usr", "ro"), harness.MountFrom("/usr/lib", "/lib", "ro"), harness.MountFrom("/usr/lib64", "/lib64", "ro"))
	res, err := lab.Run(harness.Context(t), lab.ID(), b)
	t.Logf("%d MiB plain %d %.200s %v", as>>20, res.ExitCode, res.Stderr, err)
	dir := staged(t, b, oneOverlay)
	res, err = lab.Run(harness.Context(t), lab.ID(), b)
	data, _ := os.ReadFile(dir + "/report")
	t.Logf("%d MiB first %d %.200s %v %q", as>>20, res.ExitCode, res.Stderr, err, data)
	}
}
