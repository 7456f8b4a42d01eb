package engine_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/directfs/runsc/directfspolicy"
	"github.com/directfs/runsc/pkg/ociconfig"
	"github.com/directfs/runsc/runsc/internal/engine"
	specs "github.com/opencontainers/runtime-spec/specs-go"
	"gvisor.dev/gvisor/runsc/config"
	"gvisor.dev/gvisor/runsc/specutils"
)

func overlayAt(destination string, options ...string) specs.Mount {
	return specs.Mount{Destination: destination, Type: "overlay", Source: "/bundle/overlay", Options: append([]string{"lowerdir=/a:/b"}, options...)}
}

// overlaySpec has an overlay of the sentry with mounts in it, one of them another
// such overlay, and an overlay of the host.
func overlaySpec(t *testing.T) (*specs.Spec, directfspolicy.Plan) {
	t.Helper()
	spec := &specs.Spec{
		Root: &specs.Root{Path: "/rootfs"},
		Process: &specs.Process{
			Args: []string{"sh", "-c", "x"}, Env: []string{"A=b"}, Cwd: "/work",
			Capabilities: &specs.LinuxCapabilities{Bounding: []string{"CAP_CHOWN"}},
		},
		Mounts: []specs.Mount{
			overlayAt("/ov", "upperdir=/u", "workdir=/w", "nosuid", "gvisor.overlay=sentry"),
			{Destination: "/ov/data", Type: "bind", Source: "/data"},
			overlayAt("/ov/deep", "gvisor.overlay=sentry"),
			{Destination: "/ov/deep/tmp", Type: "tmpfs", Source: "tmpfs"},
			{Destination: "/overlook", Type: "bind", Source: "/o"},
			overlayAt("/host", "noexec"),
		},
		Linux: &specs.Linux{Seccomp: &specs.LinuxSeccomp{DefaultAction: specs.ActAllow, Syscalls: []specs.LinuxSyscall{{Names: []string{"chroot"}, Action: specs.ActErrno}}}},
	}
	p, err := ociconfig.Plan(spec, ociconfig.Options{Flag: true, FirstProcess: "/bin/runsc", RootfsCache: directfspolicy.CacheExclusive})
	if err != nil {
		t.Fatal(err)
	}
	return spec, p
}

func TestLowerOverlays(t *testing.T) {
	spec, p := overlaySpec(t)
	before, err := json.Marshal(spec)
	if err != nil {
		t.Fatal(err)
	}
	mounts := engine.LowerOverlays(spec.Mounts, p)
	stages := engine.Stages(mounts, p)
	var got []string
	for i, m := range mounts {
		s := fmt.Sprintf("%s %s %s %s", m.Destination, m.Type, m.Source, m.Options)
		if stages[i].Staged() {
			s += " -> " + stages[i].Of + "/" + stages[i].Name
		}
		got = append(got, s)
	}
	want := []string{
		"/ov tmpfs  [nosuid]",
		"/ov/.overlay/lower0 bind /a [bind ro] -> /ov/l0",
		"/ov/.overlay/lower1 bind /b [bind ro] -> /ov/l1",
		"/ov/.overlay/upper bind /u [bind] -> /ov/u",
		"/ov/.overlay/program bind /bin/runsc [bind ro] -> /ov/runsc-first-process",
		"/ov/.overlay/report bind report of the first process [bind] -> /ov/report",
		"/ov/data bind /data [] -> /ov/m0",
		"/ov/deep tmpfs  [] -> /ov/m1",
		"/ov/deep/.overlay/lower0 bind /a [bind ro] -> /ov/deep/l0",
		"/ov/deep/.overlay/lower1 bind /b [bind ro] -> /ov/deep/l1",
		"/ov/deep/tmp tmpfs tmpfs [] -> /ov/deep/m0",
		"/overlook bind /o []",
		"/host bind /bundle/overlay [noexec ro]",
	}
	if !slices.Equal(got, want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	if again := engine.LowerOverlays(mounts, p); fmt.Sprint(again) != fmt.Sprint(mounts) {
		t.Errorf("lowered again: %v", again)
	}
	if after, err := json.Marshal(spec); err != nil || string(after) != string(before) {
		t.Errorf("the caller's spec changed to %s, %v", after, err)
	}
}

func TestAddFirstProcess(t *testing.T) {
	spec, p := overlaySpec(t)
	user := *spec
	undo, err := engine.AddFirstProcess(&config.Config{}, spec, p)
	if err != nil {
		t.Fatal(err)
	}
	process := spec.Process
	if want := []string{"/ov/runsc-first-process", "sh", "-c", "x"}; !slices.Equal(process.Args, want) {
		t.Errorf("arguments %q, want %q", process.Args, want)
	}
	if process.Cwd != "/" || len(process.Capabilities.Effective) != len(specutils.AllCapabilities().Effective) {
		t.Errorf("%+v", process)
	}
	variable, _, _ := strings.Cut(process.Env[0], "=")
	var c struct {
		Overlays []struct {
			Target   string
			Lowers   int
			Writable bool
			Flags    struct{ ReadOnly, NoSUID, NoExec bool }
			Nested   []string
		}
		Cwd          string
		Capabilities struct{ Bounding uint64 }
	}
	if err := json.Unmarshal([]byte(strings.TrimPrefix(process.Env[0], variable+"=")), &c); err != nil {
		t.Fatal(err)
	}
	if got := fmt.Sprintf("%+v", c.Overlays); got != "[{Target:/ov Lowers:2 Writable:true Flags:{ReadOnly:false NoSUID:true NoExec:false} Nested:[/ov/data /ov/deep]} "+
		"{Target:/ov/deep Lowers:2 Writable:false Flags:{ReadOnly:true NoSUID:false NoExec:false} Nested:[/ov/deep/tmp]}]" {
		t.Errorf("overlays %s", got)
	}
	if c.Cwd != "/work" || c.Capabilities.Bounding != 1 {
		t.Errorf("%+v", c)
	}
	undo()
	if spec.Process != user.Process {
		t.Error("not undone")
	}
}

// What exec would not have of the user's is refused.
func TestCheckFirstProcess(t *testing.T) {
	for name, edit := range map[string]func(*specs.Spec, *config.Config){
		"a seccomp profile": func(_ *specs.Spec, c *config.Config) { c.OCISeccomp = true },
		"no process":        func(s *specs.Spec, _ *config.Config) { s.Process = nil },
		"a small address space": func(s *specs.Spec, _ *config.Config) {
			s.Process.Rlimits = []specs.POSIXRlimit{{Type: "RLIMIT_AS", Soft: 1 << 29, Hard: 1 << 29}}
		},
		"a small stack": func(s *specs.Spec, _ *config.Config) {
			s.Process.Rlimits = []specs.POSIXRlimit{{Type: "RLIMIT_STACK", Soft: 8 << 10, Hard: 1 << 23}}
		},
		"few files": func(s *specs.Spec, _ *config.Config) {
			s.Process.Rlimits = []specs.POSIXRlimit{{Type: "RLIMIT_NOFILE", Soft: 4, Hard: 7}}
		},
		"a mount at its place": func(s *specs.Spec, _ *config.Config) {
			s.Mounts = append(s.Mounts, specs.Mount{Destination: "/ov/", Type: "bind", Source: "/o"})
		},
	} {
		spec, p := overlaySpec(t)
		conf := &config.Config{}
		if err := engine.CheckFirstProcess(conf, spec, p); err != nil {
			t.Errorf("%s: refused before: %v", name, err)
		}
		edit(spec, conf)
		if err := engine.CheckFirstProcess(conf, spec, p); !errors.Is(err, directfspolicy.ErrInvalidRequest) {
			t.Errorf("%s: error %v", name, err)
		}
		if _, err := engine.AddFirstProcess(conf, spec, p); err == nil {
			t.Errorf("%s: added", name)
		}
		if err := engine.CheckFirstProcess(conf, spec, directfspolicy.Plan{}); err != nil {
			t.Errorf("%s, and no overlay: %v", name, err)
		}
	}
}

// Without a program there is no overlay, and not the overlay of some other directory.
func TestUnknownProgram(t *testing.T) {
	spec, _ := overlaySpec(t)
	p, err := ociconfig.Plan(spec, ociconfig.Options{Flag: true})
	if err != nil {
		t.Fatal(err)
	}
	if err := engine.CheckFirstProcess(&config.Config{}, spec, p); !errors.Is(err, directfspolicy.ErrInvalidRequest) || !strings.Contains(err.Error(), "/proc/self/exe") {
		t.Errorf("error %v", err)
	}
}

// The sandbox process is given an FD for each layer, and has room for so many.
func TestMostMounts(t *testing.T) {
	for _, c := range []struct {
		scope directfspolicy.Scope
		most  int
	}{{directfspolicy.Standalone, 224}, {directfspolicy.PodMember, 124}} {
		for _, more := range []int{0, 1} {
			options := []string{"upperdir=/u", "workdir=/w", "gvisor.overlay=sentry"}
			const others = 5 // rootfs, upper layer, program and report, and the first lower layer
			for i := range c.most + more - others {
				options = append(options, fmt.Sprintf("lowerdir+=/l%d", i))
			}
			m := overlayAt("/ov", options...)
			m.Options[0] = "lowerdir+=/a"
			spec := &specs.Spec{Root: &specs.Root{Path: "/rootfs"}, Process: &specs.Process{}, Mounts: []specs.Mount{m}}
			ociconfig.SetScope(spec, c.scope)
			first := &specs.Spec{Root: &specs.Root{Path: "/rootfs"}}
			p, err := ociconfig.Plan(spec, ociconfig.Options{Flag: true, FirstProcess: "/bin/runsc", Pod: first, RootfsCache: directfspolicy.CacheExclusive})
			if err != nil {
				t.Fatal(err)
			}
			err = engine.CheckFirstProcess(&config.Config{}, spec, p)
			if more == 0 && err != nil || more > 0 && !errors.Is(err, directfspolicy.ErrInvalidRequest) {
				t.Errorf("%v, %d mounts: error %v", c.scope, c.most+more, err)
			}
		}
	}
}

// A name in the rootfs leads to the first process: nobody else may change it.
func TestCheckFirstProcessOfSharedRootfs(t *testing.T) {
	spec, _ := overlaySpec(t)
	for cache, refused := range map[directfspolicy.Cache]bool{directfspolicy.CacheShared: true, directfspolicy.CacheExclusive: false} {
		p, err := ociconfig.Plan(spec, ociconfig.Options{Flag: true, FirstProcess: "/bin/runsc", RootfsCache: cache})
		if err != nil {
			t.Fatal(err)
		}
		if err := engine.CheckFirstProcess(&config.Config{}, spec, p); (err != nil) != refused {
			t.Errorf("%v: error %v", cache, err)
		}
	}
}

// Without an overlay of the sentry nothing is added.
func TestAddNoFirstProcess(t *testing.T) {
	spec, _ := overlaySpec(t)
	spec.Mounts = spec.Mounts[5:]
	p, err := ociconfig.Plan(spec, ociconfig.Options{Flag: true})
	if err != nil {
		t.Fatal(err)
	}
	process := spec.Process
	if _, err := engine.AddFirstProcess(&config.Config{}, spec, p); err != nil || spec.Process != process {
		t.Errorf("%v, %+v", err, spec.Process)
	}
}
