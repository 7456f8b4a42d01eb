package filters_test

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime/debug"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/directfs/runsc/runsc/internal/engine/filters"
	"github.com/directfs/runsc/runsc/internal/engine/filters/precompile"
	sentryfilter "gvisor.dev/gvisor/runsc/boot/filter"
	goferfilter "gvisor.dev/gvisor/runsc/fsgofer/filter"
)

// asInit names, in the test process that runs as PID 1, what it is to do.
const asInit = "FILTERS_TEST_AS_INIT"

// jobs are what the test process that runs as PID 1 can do.
var jobs = map[string]func() error{
	"compare":      compareAsInit,
	"other engine": otherEngineAsInit,
}

func TestMain(m *testing.M) {
	job := os.Getenv(asInit)
	if job == "" {
		os.Exit(m.Run())
	}
	if err := jobs[job](); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// runAsInit does the job in a process that has the number 1.
func runAsInit(job string) error {
	cmd := exec.Command("/proc/self/exe")
	cmd.Env = append(os.Environ(), asInit+"="+job)
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags:  syscall.CLONE_NEWUSER | syscall.CLONE_NEWPID,
		UidMappings: []syscall.SysProcIDMap{{HostID: os.Getuid(), Size: 1}},
		GidMappings: []syscall.SysProcIDMap{{HostID: os.Getgid(), Size: 1}},
	}
	out, err := cmd.CombinedOutput()
	if err != nil {
		return fmt.Errorf("%w\n%s", err, out)
	}
	return nil
}

const generate = "run go generate ./runsc/internal/engine/filters"

// carriedFor returns the checksum that the programs carried were made for.
func carriedFor() (string, error) {
	b, err := os.ReadFile(filepath.Join("programs", filters.EngineFile))
	return strings.TrimSpace(string(b)), err
}

// linking returns the build information of a binary with the engine, which a
// test's own binary lacks.
func linking(engine debug.Module) func() (*debug.BuildInfo, bool) {
	engine.Path = "gvisor.dev/gvisor"
	return func() (*debug.BuildInfo, bool) {
		return &debug.BuildInfo{Deps: []*debug.Module{{Path: "golang.org/x/sys", Sum: "h1:x="}, &engine}}, true
	}
}

func registerAll() (int, error) {
	err := errors.Join(filters.RegisterSentry(false), filters.RegisterSentry(true), filters.RegisterGofer())
	return len(sentryfilter.ListPrecompiled()) + len(goferfilter.ListPrecompiled()), err
}

// otherEngineAsInit registers with engines that the programs are not made for,
// and last with the one that they are made for.
func otherEngineAsInit() error {
	sum, err := carriedFor()
	if err != nil {
		return err
	}
	for what, info := range map[string]func() (*debug.BuildInfo, bool){
		"another version":             linking(debug.Module{Version: "v0.0.0", Sum: "h1:other="}),
		"a source without checksum":   linking(debug.Module{Version: "v0.0.0"}),
		"another module in its place": linking(debug.Module{Sum: sum, Replace: &debug.Module{Path: "fork", Sum: "h1:fork="}}),
		"a directory in its place":    linking(debug.Module{Sum: sum, Replace: &debug.Module{Path: "../fork"}}),
		"no engine":                   func() (*debug.BuildInfo, bool) { return &debug.BuildInfo{}, true },
		"no build information":        func() (*debug.BuildInfo, bool) { return nil, false },
		"a test's build information":  debug.ReadBuildInfo,
	} {
		filters.SetBuildInfo(info)
		if n, err := registerAll(); err != nil || n != 0 {
			return fmt.Errorf("%s: %d programs registered, %w; want none", what, n, err)
		}
	}
	filters.SetBuildInfo(linking(debug.Module{Sum: sum}))
	if n, err := registerAll(); err != nil || n == 0 {
		return fmt.Errorf("the engine that the programs are made for: %d registered, %w", n, err)
	}
	return nil
}

// compareAsInit compiles everything as a sandbox process would.
func compareAsInit() error {
	all, err := precompile.All()
	if err != nil {
		return err
	}
	sum, err := carriedFor()
	if err != nil {
		return err
	}
	filters.SetBuildInfo(linking(debug.Module{Sum: sum}))
	if _, err := registerAll(); err != nil {
		return err
	}
	carried := map[string][]string{"sentry": sentryfilter.ListPrecompiled(), "gofer": goferfilter.ListPrecompiled()}
	for kind, programs := range all {
		if len(programs) != len(carried[kind]) || len(programs) == 0 {
			return fmt.Errorf("%s: %d programs compiled, %d carried", kind, len(programs), len(carried[kind]))
		}
		for _, p := range programs {
			if !slices.Contains(carried[kind], p.Name) {
				return fmt.Errorf("%s: no program for %s", kind, p.Name)
			}
			want, err := filters.Encode(p)
			if err != nil {
				return err
			}
			got, err := os.ReadFile(filepath.Join("programs", kind, precompile.FileName(p)))
			if err != nil {
				return err
			}
			if !bytes.Equal(got, want) {
				return fmt.Errorf("%s: the program carried is not what the engine compiles for %s", kind, p.Name)
			}
		}
	}
	return nil
}

func TestProgramsAreTheEngines(t *testing.T) {
	if err := runAsInit("compare"); err != nil {
		t.Errorf("the engine's rules changed: %s: %v", generate, err)
	}
}

// A raised version must not go unnoticed: every start would compile its filter.
func TestProgramsAreForTheVersionInGoMod(t *testing.T) {
	cmd := exec.Command("go", "list", "-m", "-f", "{{with .Replace}}{{.Sum}}{{else}}{{.Sum}}{{end}}", "gvisor.dev/gvisor")
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%v: %v", cmd, err)
	}
	carried, err := carriedFor()
	if err != nil {
		t.Fatal(err)
	}
	if want := strings.TrimSpace(string(out)); carried != want {
		t.Errorf("the programs are for the engine with checksum %q, go.mod asks for %q: %s", carried, want, generate)
	}
}

func TestNotForAnotherEngine(t *testing.T) {
	if err := runAsInit("other engine"); err != nil {
		t.Error(err)
	}
}

func TestOnlyForInit(t *testing.T) {
	if _, err := precompile.All(); !errors.Is(err, precompile.ErrNotInit) {
		t.Errorf("got %v, want ErrNotInit", err)
	}
	sum, err := carriedFor()
	if err != nil {
		t.Fatal(err)
	}
	filters.SetBuildInfo(linking(debug.Module{Sum: sum}))
	t.Cleanup(func() { filters.SetBuildInfo(debug.ReadBuildInfo) })
	if n, err := registerAll(); err != nil || n != 0 {
		t.Errorf("%d programs registered in a process that is not PID 1, %v", n, err)
	}
}
