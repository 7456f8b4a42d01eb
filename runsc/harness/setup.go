package harness

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// BinaryEnv names the environment variable with the runsc to test. Without it,
// the one of this module is built.
const BinaryEnv = "RUNSC_BIN"

// Binaries are the absolute paths of the programs that tests run.
type Binaries struct{ Runsc, Guest string }

// programs is where programs go that only some tests need; see [Program].
var programs string

// built is set by Main, before any test runs.
var built Binaries

// Main is for TestMain: os.Exit(harness.Main(m)). It checks what the machine
// has, builds the programs, runs the tests and cleans up. What is missing is a
// failure, never a skip: a run that tested nothing must not look green.
func Main(m *testing.M) (code int) {
	fail := func(err error) int {
		fmt.Fprintf(os.Stderr, "end-to-end tests cannot run: %v\n", err)
		return 1
	}
	// What this process got without asking is nothing that programs of the tests
	// have, and hooks are looked at for files that they should not have.
	if err := unix.CloseRange(3, math.MaxInt32, unix.CLOSE_RANGE_CLOEXEC); err != nil {
		return fail(fmt.Errorf("close_range(2): %w", err))
	}
	dir, err := os.MkdirTemp("", "runsc-e2e-bin-")
	if err != nil {
		return fail(err)
	}
	defer os.RemoveAll(dir)
	// Some tests run the programs as another user.
	if err := os.Chmod(dir, 0o711); err != nil {
		return fail(err)
	}
	programs = dir
	ctx, cancel := context.WithTimeout(context.Background(), 2*Deadline)
	defer cancel()
	if built, err = Build(ctx, dir); err != nil {
		return fail(err)
	}
	if err := Requirements(ctx, built.Guest); err != nil {
		return fail(err)
	}
	return m.Run()
}

// Requirements says what the machine lacks for running sandboxes with and
// without directfs. The guest is run for a try.
func Requirements(ctx context.Context, guest string) error {
	var missing []error
	if uid := os.Geteuid(); uid != 0 {
		missing = append(missing, fmt.Errorf("not root: the effective user id is %d", uid))
	}
	cmd := exec.CommandContext(ctx, guest, "mounts")
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags:  syscall.CLONE_NEWUSER,
		UidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: 0, Size: 1}},
		GidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: 0, Size: 1}},
	}
	if err := cmd.Run(); err != nil {
		missing = append(missing, fmt.Errorf("no user namespaces (see user.max_user_namespaces and CONFIG_USER_NS): %w", err))
	}
	return errors.Join(missing...)
}

// Build builds the guest into dir and, unless $RUNSC_BIN names one, runsc into
// bin/ of the module. Both are static: a sandbox has no libraries.
func Build(ctx context.Context, dir string) (Binaries, error) {
	root, err := moduleRoot()
	if err != nil {
		return Binaries{}, err
	}
	b := Binaries{Runsc: os.Getenv(BinaryEnv), Guest: filepath.Join(dir, "guest")}
	if err := goBuild(ctx, root, "./runsc/internal/e2e/guest", b.Guest); err != nil {
		return b, err
	}
	if b.Runsc == "" {
		b.Runsc = filepath.Join(root, "bin", "runsc")
		return b, goBuild(ctx, root, "./runsc", b.Runsc)
	}
	if b.Runsc, err = filepath.Abs(b.Runsc); err != nil {
		return b, err
	}
	if _, err := os.Stat(b.Runsc); err != nil {
		return b, fmt.Errorf("$%s: %w", BinaryEnv, err)
	}
	return b, nil
}

// goBuild puts the program in place by a rename, so that another test run that
// executes the old one is not disturbed.
func goBuild(ctx context.Context, dir, pkg, target string) error {
	if err := os.MkdirAll(filepath.Dir(target), 0o755); err != nil {
		return err
	}
	fresh := fmt.Sprintf("%s.%d", target, os.Getpid())
	defer os.Remove(fresh)
	cmd := exec.CommandContext(ctx, "go", "build", "-o", fresh, pkg)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("go build %s: %w\n%s", pkg, err, out)
	}
	return os.Rename(fresh, target)
}

// module begins the go.mod of this module.
const module = "module github.com/directfs/runsc\n"

// moduleRoot is the nearest directory above the working directory, which for a
// test is that of its package, with the go.mod of this module. Tests of modules
// within it have one of their own on the way.
func moduleRoot() (string, error) {
	wd, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for dir := wd; ; dir = filepath.Dir(dir) {
		text, err := os.ReadFile(filepath.Join(dir, "go.mod"))
		if err == nil && strings.HasPrefix(string(text), module) {
			return dir, nil
		}
		if err != nil && !errors.Is(err, fs.ErrNotExist) || dir == filepath.Dir(dir) {
			return "", fmt.Errorf("no go.mod of this module above %s: %w", wd, err)
		}
	}
}
