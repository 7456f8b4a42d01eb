package lab

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// Deadline bounds every step of a test that waits for something. It is there for
// what hangs.
const Deadline = 3 * time.Minute

// Lab is the place of one test on the machine.
type Lab struct {
	// Dir is for all that the test makes. Its path is short: engines put
	// sockets below it (unix(7): 108 bytes). It is in memory.
	Dir string

	// Module is the root of the repository, Runsc the runtime under test.
	Module, Runsc string

	tb  testing.TB
	env []string
}

// New returns a lab. Directories named runsc and bin of the repository come first
// in the PATH of what it runs.
func New(tb testing.TB) *Lab {
	tb.Helper()
	if os.Getenv(stageEnv) != stageTests {
		tb.Fatal("the package's TestMain must call lab.Main")
	}
	dir, err := os.MkdirTemp(os.Getenv(machineEnv), "t")
	if err != nil {
		tb.Fatal(err)
	}
	l := &Lab{Dir: dir, Module: os.Getenv(moduleEnv), Runsc: os.Getenv(binaryEnv), tb: tb}
	if err := errors.Join(os.Chmod(dir, 0o755), os.Mkdir(l.Path("tmp"), 0o1777)); err != nil {
		tb.Fatal(err)
	}
	l.Setenv("TMPDIR", l.Path("tmp"))
	l.Setenv("HOME", l.Path("home"))
	l.Setenv("PATH", filepath.Join(l.Module, "bin")+":/usr/local/sbin:/usr/sbin:/usr/bin:/sbin:/bin:/usr/local/bin")
	return l
}

// Path is a path below the lab's directory.
func (l *Lab) Path(elem ...string) string { return filepath.Join(append([]string{l.Dir}, elem...)...) }

// Mkdir makes a directory below the lab's and returns its path.
func (l *Lab) Mkdir(elem ...string) string {
	l.tb.Helper()
	path := l.Path(elem...)
	if err := os.MkdirAll(path, 0o755); err != nil {
		l.tb.Fatal(err)
	}
	return path
}

// Write writes a file below the lab's directory and returns its path.
func (l *Lab) Write(content string, elem ...string) string {
	l.tb.Helper()
	path := filepath.Join(l.Mkdir(filepath.Dir(filepath.Join(elem...))), filepath.Base(filepath.Join(elem...)))
	if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
		l.tb.Fatal(err)
	}
	return path
}

// Setenv sets a variable for what the lab runs.
func (l *Lab) Setenv(key, value string) { l.env = append(l.env, key+"="+value) }

// Env is the environment of what the lab runs.
func (l *Lab) Env() []string { return append(os.Environ(), l.env...) }

// Command is a program in the lab's environment. It is killed at the context's
// end.
func (l *Lab) Command(ctx context.Context, name string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, l.lookPath(name), args...)
	cmd.Env, cmd.Dir = l.Env(), l.Dir
	// Whoever keeps the output open, such as a container, is not waited for.
	cmd.WaitDelay = 5 * time.Second
	return cmd
}

// lookPath finds a program in the lab's PATH.
func (l *Lab) lookPath(name string) string {
	if strings.Contains(name, "/") {
		return name
	}
	var path string
	for _, e := range l.Env() {
		if value, ok := strings.CutPrefix(e, "PATH="); ok {
			path = value
		}
	}
	for dir := range strings.SplitSeq(path, ":") {
		if found, err := exec.LookPath(filepath.Join(dir, name)); err == nil {
			return found
		}
	}
	return name
}

// Result is what a program wrote and how it ended.
type Result struct {
	Stdout, Stderr string
	Code           int // -1: killed, or it could not be started
}

// All is all that the program wrote.
func (r Result) All() string { return r.Stdout + r.Stderr }

// Try runs a program that may fail.
func (l *Lab) Try(name string, args ...string) Result {
	ctx, cancel := context.WithTimeout(context.Background(), Deadline)
	defer cancel()
	cmd := l.Command(ctx, name, args...)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	err := cmd.Run()
	if ctx.Err() != nil {
		fmt.Fprintf(&stderr, "\n%s did not end in %v", name, Deadline)
	} else if cmd.ProcessState == nil && err != nil {
		fmt.Fprint(&stderr, err)
	}
	r := Result{stdout.String(), stderr.String(), -1}
	if cmd.ProcessState != nil {
		r.Code = cmd.ProcessState.ExitCode()
	}
	return r
}

// Run runs a program, fails the test if it fails, and returns what it wrote to
// stdout.
func (l *Lab) Run(tb testing.TB, name string, args ...string) string {
	tb.Helper()
	r := l.Try(name, args...)
	if r.Code != 0 {
		tb.Fatalf("%s %s: exit status %d\n%s%s", name, strings.Join(args, " "), r.Code, r.Stdout, r.Stderr)
	}
	return r.Stdout
}

// Eventually waits until the function says that it is so, and fails the test
// with what it says last. It is for what no engine announces.
func Eventually(tb testing.TB, what string, holds func() error) {
	tb.Helper()
	var err error
	for end := time.Now().Add(Deadline); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
		if err = holds(); err == nil {
			return
		}
	}
	tb.Fatalf("%s: %v", what, err)
}
