// Package firstprocess is the first process of a container whose overlay mounts
// the engine's own overlay serves. The engine mounts what it is told before it
// starts a process, and cannot be told of overlays, but a process can mount one
// (mount(2)). So the first process is this program: it mounts the overlays,
// removes all traces of what it needed for that, and becomes the container's
// process, with the identity that the container's spec asks for.
//
// It runs before the packages of the engine are initialised, as package preinit
// does and for the same reasons: it must not import anything that comes late.
package firstprocess

import (
	"errors"
	"fmt"
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

// Exit codes of a first process that fails, as all runtimes have them.
const (
	exitFailed        = 125
	exitNotExecutable = 126
	exitNotFound      = 127
)

func init() {
	c, args, env, ok, err := parse(os.Args, syscall.Environ())
	if !ok {
		return
	}
	// The main goroutine is on the main thread until main begins
	// (runtime/proc.go), and what follows is for that thread.
	os.Exit(run(c, args, env, err))
}

// run returns the exit code of a first process that failed.
func run(c Config, args, env []string, err error) int {
	if err != nil {
		return fail(nil, err)
	}
	id, err := becomeRoot()
	if err != nil {
		return fail(nil, err)
	}
	restore, err := liftLimits()
	if err != nil {
		return fail(nil, err)
	}
	root, err := unix.Open("/", unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return fail(nil, fmt.Errorf("open root directory: %w", err))
	}
	r, err := reportOf(c)
	if err != nil {
		return fail(nil, fmt.Errorf("open report: %w", err))
	}
	if err := mountAll(root, c.Overlays); err != nil {
		return fail(r, err)
	}
	if err := makeCwd(c.Cwd); err != nil {
		return fail(r, err)
	}
	if err := id.assume(c.Capabilities); err != nil {
		return fail(r, err)
	}
	return fail(r, become(c, id, r, restore, args, withHome(env, id.uid)))
}

func reportOf(c Config) (*report, error) {
	staging, err := openStaging(c.Overlays[0].Target)
	if err != nil {
		return nil, err
	}
	defer unix.Close(staging)
	return openReport(staging)
}

// makeCwd makes the working directory if it is missing, with root's privileges,
// and changes to it (runsc/boot/vfs.go, setupContainerVFS).
func makeCwd(dir string) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return fmt.Errorf("failed to create process working directory %q: %w", dir, err)
	}
	if err := unix.Chdir(dir); err != nil {
		return fmt.Errorf("failed to find initial working directory %q: %w", dir, err)
	}
	return nil
}

// become executes the container's program. It returns only with an error.
func become(c Config, id identity, r *report, restore func() error, args, env []string) error {
	// The user must be able to find the working directory, but need not be able
	// to search it (pkg/sentry/kernel/kernel.go, CreateProcess).
	fd, err := unix.Open(c.Cwd, unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return fmt.Errorf("creating process: failed to find initial working directory %q: %w", c.Cwd, err)
	}
	unix.Close(fd)
	file, err := resolve(args[0], c.Cwd, env)
	if err != nil {
		return err
	}
	p, err := newProgram(file, args, env)
	if err != nil {
		return fmt.Errorf("exec %q: %w", file, err)
	}
	if err := r.sayExecuting(); err != nil {
		return fmt.Errorf("report: %w", err)
	}
	if err := restore(); err != nil {
		return err
	}
	if err := p.exec(); err != nil {
		return programError{fmt.Errorf("creating process: failed to load %s: %w", file, err)}
	}
	return nil
}

// fail reports an error, on the container's standard error if there is no report
// yet, and returns the exit code.
func fail(r *report, err error) int {
	if r == nil || r.sayError(err) != nil {
		fmt.Fprintf(os.Stderr, "first process: %v\n", err)
	}
	var program programError
	switch {
	case !errors.As(err, &program):
		return exitFailed
	case errors.Is(err, unix.ENOENT), errors.Is(err, unix.ENOTDIR):
		return exitNotFound
	}
	return exitNotExecutable
}
