package harness

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"

	"golang.org/x/sys/unix"
)

// Runtime is one runsc binary with a state directory of its own.
type Runtime struct {
	// Binary is the absolute path of runsc.
	Binary string

	// Root is the runtime's --root.
	Root string

	// Flags are the global flags of every command, besides --root.
	Flags []string

	// LogDir, unless empty, makes every process write a debug log into it.
	LogDir string

	// User, unless 0, is the host user that every command runs as; see
	// [Runtime.As].
	User uint32

	// TempDir, unless empty, is where commands make temporary files.
	TempDir string

	// Env is set in every command's environment.
	Env []string
}

// DefaultFlags suit tests: no network to set up, and writes to the rootfs
// arrive at the host.
var DefaultFlags = []string{"--network=none", "--overlay2=none"}

// NewRuntime makes the state directory dir/root. Flags come after DefaultFlags
// and win over them.
//
// From then on this process is a subreaper (prctl(2)): sandboxes and gofers
// outlive the runsc that started them, and become children of this process
// then, so that their end can be awaited whatever the machine's init does.
func NewRuntime(binary, dir string, flags ...string) (*Runtime, error) {
	if err := becomeSubreaper(); err != nil {
		return nil, err
	}
	r := &Runtime{
		Binary: binary,
		Root:   filepath.Join(dir, "root"),
		Flags:  append(append([]string{}, DefaultFlags...), flags...),
	}
	if !filepath.IsAbs(binary) || !filepath.IsAbs(dir) {
		return nil, fmt.Errorf("binary %q and directory %q must be absolute paths", binary, dir)
	}
	return r, os.MkdirAll(r.Root, 0o711)
}

var becomeSubreaper = sync.OnceValue(func() error {
	if err := unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0); err != nil {
		return fmt.Errorf("become a subreaper: %w", err)
	}
	return nil
})

// With returns a copy with more global flags, on the same state directory.
func (r *Runtime) With(flags ...string) *Runtime {
	c := *r
	c.Flags = append(append([]string{}, r.Flags...), flags...)
	return &c
}

// As returns a copy whose commands run as an unprivileged user, of whom the
// machine need not know, and without root's supplementary groups. The state
// directory becomes that user's.
func (r *Runtime) As(user uint32) (*Runtime, error) {
	c := *r
	c.User = user
	return &c, os.Chown(c.Root, int(user), int(user))
}

// Result is how a command ended.
type Result struct {
	Stdout, Stderr string
	ExitCode       int
}

// Err returns an error with what the command said, unless it exited with 0.
func (r Result) Err() error {
	if r.ExitCode == 0 {
		return nil
	}
	return fmt.Errorf("exit code %d: %s", r.ExitCode, strings.TrimSpace(r.Stderr+r.Stdout))
}

// Command runs one runsc command to its end. The error is nil whatever the exit
// code; it is set if the command could not run or was cut off by ctx.
//
// Output goes through pipes: into a regular file, runsc would write at an
// offset of its own. Input is /dev/null.
func (r *Runtime) Command(ctx context.Context, args ...string) (Result, error) {
	var out, errs bytes.Buffer
	cmd := r.cmd(ctx, args...)
	cmd.Stdout, cmd.Stderr = &out, &errs
	// A sandbox that inherited the pipes must not hold us up for ever.
	cmd.WaitDelay = Deadline
	err := cmd.Run()
	res := Result{out.String(), errs.String(), cmd.ProcessState.ExitCode()}
	var exit *exec.ExitError
	if errors.As(err, &exit) && ctx.Err() == nil {
		err = nil
	}
	if err != nil {
		return res, fmt.Errorf("runsc %s: %w: %s", args[0], err, res.Stderr)
	}
	return res, nil
}

// must is Command for what has to succeed.
func (r *Runtime) must(ctx context.Context, args ...string) (Result, error) {
	res, err := r.Command(ctx, args...)
	if err == nil {
		err = res.Err()
	}
	if err != nil {
		return res, fmt.Errorf("runsc %s: %w", args[0], err)
	}
	return res, nil
}

func (r *Runtime) cmd(ctx context.Context, args ...string) *exec.Cmd {
	global := append([]string{"--root=" + r.Root}, r.Flags...)
	if r.LogDir != "" {
		global = append(global, "--debug", "--debug-log="+r.LogDir+"/%CID%.%COMMAND%.log")
	}
	cmd := exec.CommandContext(ctx, r.Binary, append(global, args...)...)
	cmd.Dir = "/"
	// A signal for the terminal's foreground group is for the tests alone;
	// they clean up what runs.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Env = append(os.Environ(), r.Env...)
	if r.TempDir != "" {
		cmd.Env = append(cmd.Env, "TMPDIR="+r.TempDir)
	}
	if r.User != 0 {
		cmd.SysProcAttr.Credential = &syscall.Credential{Uid: r.User, Gid: r.User}
	}
	return cmd
}

// Run runs the bundle's process in the foreground until it ends.
func (r *Runtime) Run(ctx context.Context, id string, b *Bundle) (Result, error) {
	return r.Command(ctx, "run", "--bundle="+b.Dir, id)
}

// Log returns the debug log of one kind of process ("gofer", "boot", "create",
// …) of a container. LogDir must be set.
func (r *Runtime) Log(id, command string) (string, error) {
	data, err := os.ReadFile(filepath.Join(r.LogDir, id+"."+command+".log"))
	return string(data), err
}

// Close removes all containers that are left and the state directory.
func (r *Runtime) Close(ctx context.Context) error {
	states, err := filepath.Glob(filepath.Join(r.Root, "*.state"))
	if err != nil {
		return err
	}
	var errs []error
	for _, s := range states {
		id, _, _ := strings.Cut(filepath.Base(s), "_sandbox:")
		_, err := r.must(ctx, "delete", "--force", id)
		errs = append(errs, err)
	}
	if err := unmountAll(filepath.Join(r.Root, "null-netns")); err != nil {
		return errors.Join(append(errs, err)...)
	}
	return errors.Join(append(errs, os.RemoveAll(r.Root))...)
}

// unmountAll unmounts everything at the path. runsc binds an empty network
// namespace to ROOT/null-netns for the gofers of all containers and never
// removes it; two that start at once put one mount upon the other.
func unmountAll(path string) error {
	for {
		err := unix.Unmount(path, unix.UMOUNT_NOFOLLOW)
		switch {
		case errors.Is(err, unix.EINVAL), errors.Is(err, unix.ENOENT):
			return nil // not, or no longer, a mount point
		case err != nil:
			return fmt.Errorf("unmount %s: %w", path, err)
		}
	}
}

// stateFile returns runsc's own record of a container.
func (r *Runtime) stateFile(id string) ([]byte, error) {
	names, err := filepath.Glob(filepath.Join(r.Root, id+"_sandbox:*.state"))
	if err != nil {
		return nil, err
	}
	if len(names) != 1 {
		return nil, fmt.Errorf("state of %s: found %d state files, want 1", id, len(names))
	}
	return readState(names[0])
}

// readState reads a state file under its lock: whoever saves it truncates it
// first, and "run" and "do" save it once more when the guest may have spoken.
func readState(path string) ([]byte, error) {
	lock, err := os.Open(strings.TrimSuffix(path, ".state") + ".lock")
	if err != nil {
		return nil, fmt.Errorf("lock of state file: %w", err)
	}
	defer lock.Close() // which unlocks it
	for {
		err := unix.Flock(int(lock.Fd()), unix.LOCK_SH)
		if err == nil {
			return os.ReadFile(path)
		}
		if !errors.Is(err, unix.EINTR) {
			return nil, fmt.Errorf("locking state file: %w", err)
		}
	}
}
