package filters_test

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"syscall"
	"testing"

	"github.com/directfs/runsc/runsc/internal/engine/filters"
	"github.com/directfs/runsc/runsc/internal/engine/filters/precompile"
	sentryfilter "gvisor.dev/gvisor/runsc/boot/filter"
	goferfilter "gvisor.dev/gvisor/runsc/fsgofer/filter"
)

// asInit is set in the test process that runs as PID 1.
const asInit = "FILTERS_TEST_AS_INIT"

func TestMain(m *testing.M) {
	if os.Getenv(asInit) == "" {
		os.Exit(m.Run())
	}
	if err := compareAsInit(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// compareAsInit compiles everything as a sandbox process would.
func compareAsInit() error {
	all, err := precompile.All()
	if err != nil {
		return err
	}
	if err := errors.Join(filters.RegisterSentry(false), filters.RegisterSentry(true), filters.RegisterGofer()); err != nil {
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
	cmd := exec.Command("/proc/self/exe")
	cmd.Env = append(os.Environ(), asInit+"=1")
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags:  syscall.CLONE_NEWUSER | syscall.CLONE_NEWPID,
		UidMappings: []syscall.SysProcIDMap{{HostID: os.Getuid(), Size: 1}},
		GidMappings: []syscall.SysProcIDMap{{HostID: os.Getgid(), Size: 1}},
	}
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("the engine's rules moved: run go generate ./runsc/internal/engine/filters: %v\n%s", err, out)
	}
}

func TestOnlyForInit(t *testing.T) {
	if _, err := precompile.All(); !errors.Is(err, precompile.ErrNotInit) {
		t.Errorf("got %v, want ErrNotInit", err)
	}
	if err := errors.Join(filters.RegisterSentry(true), filters.RegisterGofer()); err != nil {
		t.Fatal(err)
	}
	if n := len(sentryfilter.ListPrecompiled()) + len(goferfilter.ListPrecompiled()); n != 0 {
		t.Errorf("%d programs registered in a process that is not PID 1", n)
	}
}
