package harness

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// Deadline bounds every single step of a test that waits for something. It is
// there for what hangs: a machine that is busy with other things must not come
// near it.
const Deadline = 5 * time.Minute

// Lab is the place of one test: a directory for all it makes, a runtime, and
// names that nobody else uses. When the test ends, whatever is left over of
// what the test ran is a failure of the test, and is removed.
type Lab struct {
	*Runtime

	// Dir holds everything. Its path is short, because runsc puts sockets
	// below it (unix(7): 108 bytes).
	Dir string

	tb     testing.TB
	prefix string
	count  atomic.Int64
}

// NewLab returns a lab for the test, with global flags for its runtime besides
// DefaultFlags. It needs [Main].
func NewLab(tb testing.TB, flags ...string) *Lab {
	tb.Helper()
	if built.Runsc == "" {
		tb.Fatal("the package's TestMain must call harness.Main")
	}
	noteBinary()
	dir, err := os.MkdirTemp("", "e2e")
	if err != nil {
		tb.Fatal(err)
	}
	// The root of a user namespace is nobody here, and must get to its bundle.
	if err := os.Chmod(dir, 0o711); err != nil {
		tb.Fatal(err)
	}
	l := &Lab{Dir: dir, tb: tb, prefix: filepath.Base(dir) + "-"}
	before, err := l.scope().Snapshot()
	if err != nil {
		tb.Fatal(err)
	}
	if l.Runtime, err = NewRuntime(built.Runsc, dir, flags...); err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { l.close(before) })
	return l
}

// noteBinary tells "go test", which would repeat the result of an earlier run,
// what the result depends on: it takes notice of the variables and files that a
// running test looks at, and of none that Main did.
func noteBinary() {
	_ = os.Getenv(BinaryEnv)
	_, _ = os.Stat(built.Runsc)
}

func (l *Lab) scope() Scope { return Scope{Dir: l.Dir, IDPrefix: l.prefix} }

// close checks for leaks after the runtime was closed and the bundles, which
// are ours, were removed.
func (l *Lab) close(before Snapshot) {
	ctx, cancel := context.WithTimeout(context.Background(), Deadline)
	defer cancel()
	errs := []error{l.Runtime.Close(ctx)}
	bundles, err := filepath.Glob(filepath.Join(l.Dir, "b*"))
	errs = append(errs, err)
	for _, b := range bundles {
		errs = append(errs, os.RemoveAll(b))
	}
	leaks, err := before.Diff(ctx)
	for _, leak := range leaks {
		l.tb.Errorf("leaked %s", leak)
		// The machine must not pay for a failure. Files go with the directory.
		if path, ok := strings.CutPrefix(leak, cgroupLeak); ok {
			errs = append(errs, os.Remove(path))
		}
	}
	// With a mount left below, removing all could reach what is mounted.
	if err := errors.Join(append(errs, err)...); err != nil {
		l.tb.Errorf("close lab %s: %v", l.Dir, err)
		return
	}
	if err := os.RemoveAll(l.Dir); err != nil {
		l.tb.Error(err)
	}
}

// Context is the test's context with the deadline of one step.
func Context(tb testing.TB) context.Context {
	ctx, cancel := context.WithTimeout(tb.Context(), Deadline)
	tb.Cleanup(cancel)
	return ctx
}

// ID returns a container id that nobody used before. None is the beginning of
// another, for which runsc would take it.
func (l *Lab) ID() string { return fmt.Sprintf("%s%04d", l.prefix, l.count.Add(1)) }

// Bundle builds a bundle in a directory of its own.
func (l *Lab) Bundle(tb testing.TB, opts ...Option) *Bundle {
	tb.Helper()
	dir, err := os.MkdirTemp(l.Dir, "b")
	if err != nil {
		tb.Fatal(err)
	}
	if err := os.Chmod(dir, 0o755); err != nil {
		tb.Fatal(err)
	}
	b, err := NewBundle(dir, built.Guest, opts...)
	if err != nil {
		tb.Fatal(err)
	}
	return b
}

// Serve creates and starts a container and removes it at the end of the test,
// if the test did not. It fails the test where runsc refuses.
func (l *Lab) Serve(tb testing.TB, b *Bundle) *Container {
	tb.Helper()
	return l.ServeWith(tb, l.Runtime, b)
}

// ServeWith is Serve with a runtime that has other flags; see [Runtime.With].
func (l *Lab) ServeWith(tb testing.TB, r *Runtime, b *Bundle) *Container {
	tb.Helper()
	ctx := Context(tb)
	c, err := r.Create(ctx, l.ID(), b)
	if err != nil {
		tb.Fatal(err)
	}
	l.Keep(tb, c)
	if err := c.Start(ctx); err != nil {
		tb.Fatal(err)
	}
	return c
}

// Keep removes the container at the end of the test, if the test did not.
func (l *Lab) Keep(tb testing.TB, c *Container) {
	tb.Cleanup(func() { l.remove(tb, c) })
}

// remove deletes a container that is still known to runsc.
func (l *Lab) remove(tb testing.TB, c *Container) {
	if _, err := c.rt.stateFile(c.ID); err != nil {
		return
	}
	// The test's own context is over.
	ctx, cancel := context.WithTimeout(context.Background(), Deadline)
	defer cancel()
	if err := c.Delete(ctx); err != nil {
		tb.Errorf("remove %s: %v", c.ID, err)
	}
}

// CheckGone fails the test if something of a deleted container is left: a
// process, a cgroup or a file in the state directory.
func (l *Lab) CheckGone(tb testing.TB, id string) {
	tb.Helper()
	leaks, err := l.leftBy(Context(tb), id)
	if err != nil {
		tb.Error(err)
	}
	for _, leak := range leaks {
		tb.Errorf("left by %s: %s", id, leak)
	}
}

// leftBy is Diff for one container among others. Names are compared as a whole:
// the id of another container may start with this one.
func (l *Lab) leftBy(ctx context.Context, id string) ([]string, error) {
	var leaks []string
	processes, err := l.scope().listProcesses()
	for pid, args := range processes {
		if !slices.Contains(strings.Fields(args), id) {
			continue
		}
		if err := waitGone(ctx, pid); err != nil {
			leaks = append(leaks, fmt.Sprintf("process %d (%s): %v", pid, args, err))
		}
	}
	cgroups, err2 := Scope{IDPrefix: id}.listCgroups()
	for path := range cgroups {
		if filepath.Base(path) == id {
			leaks = append(leaks, "cgroup "+path)
		}
	}
	// ID_sandbox:SANDBOX.state and .lock, and runsc-ID.sock.
	for _, pattern := range []string{id + "_*", "*-" + id + ".*"} {
		files, err := filepath.Glob(filepath.Join(l.Root, pattern))
		if err != nil {
			return nil, err
		}
		leaks = append(leaks, files...)
	}
	return leaks, errors.Join(err, err2)
}
