package gofer

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/directfs/runsc/directfspolicy"
	"github.com/directfs/runsc/runsc/internal/isolation"
	specs "github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"
	"gvisor.dev/gvisor/runsc/cmd/sandboxsetup"
)

// insideEnv is set in the process that has a mount namespace of its own.
const insideEnv = "GOFER_TEST_INSIDE"

// TestMain runs the tests in a mount namespace and a root as the gofer has
// them. That takes root; without it the tests fail.
func TestMain(m *testing.M) {
	if os.Getenv(insideEnv) == "" {
		os.Exit(runInside())
	}
	if err := makeRoot(); err != nil {
		fmt.Fprintf(os.Stderr, "making a gofer's root: %v\n", err)
		os.Exit(1)
	}
	os.Exit(m.Run())
}

func runInside() int {
	cmd := exec.Command("/proc/self/exe", os.Args[1:]...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	cmd.Env = append(os.Environ(), insideEnv+"=1")
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNS}
	err := cmd.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		fmt.Fprintf(os.Stderr, "the tests need root, for a mount namespace: %v\n", err)
		return 1
	}
	return cmd.ProcessState.ExitCode()
}

// makeRoot moves to an empty root with a procfs, the directory of the process's
// FDs bound where the engine has it, and the machine's root in /old.
func makeRoot() error {
	wd, err := os.Getwd()
	if err != nil {
		return err
	}
	root, err := os.MkdirTemp("", "gofer-root-")
	if err != nil {
		return err
	}
	steps := []func() error{
		func() error { return unix.Mount("", "/", "", unix.MS_PRIVATE|unix.MS_REC, "") },
		func() error { return unix.Mount("root", root, "tmpfs", 0, "") },
		func() error { return os.MkdirAll(root+"/proc", 0o755) },
		func() error { return os.MkdirAll(root+"/old", 0o755) },
		func() error { return unix.Mount("/proc", root+"/proc", "", unix.MS_BIND|unix.MS_REC, "") },
		func() error { return unix.PivotRoot(root, root+"/old") },
		func() error {
			return unix.Mount("/proc/self/fd", sandboxsetup.ProcFDBindMount, "", unix.MS_BIND, "")
		},
		func() error { return os.Remove("/old" + root) },
		linkOld,
		func() error { return os.Chdir("/old" + wd) },
	}
	for i, step := range steps {
		if err := step(); err != nil {
			return fmt.Errorf("step %d: %w", i, err)
		}
	}
	return nil
}

// linkOld lets the machine's paths be used as before.
func linkOld() error {
	entries, err := os.ReadDir("/old")
	if err != nil {
		return err
	}
	for _, e := range entries {
		if err := os.Symlink("old/"+e.Name(), "/"+e.Name()); err != nil && !os.IsExist(err) {
			return err
		}
	}
	return nil
}

// scene is a container's rootfs and sources for one test, in a directory of its
// own.
type scene struct {
	tb      testing.TB
	rootfs  string
	sources string
}

func newScene(tb testing.TB) *scene {
	tb.Helper()
	dir := tb.TempDir()
	p := &scene{tb: tb, rootfs: filepath.Join(dir, "rootfs"), sources: filepath.Join(dir, "src")}
	p.must(os.MkdirAll(p.rootfs, 0o755))
	p.must(os.WriteFile(filepath.Join(p.rootfs, "of the rootfs"), nil, 0o644))
	p.must(os.MkdirAll(p.sources, 0o755))
	return p
}

func (p *scene) must(err error) {
	p.tb.Helper()
	if err != nil {
		p.tb.Fatal(err)
	}
}

// source makes a directory with a file that names it.
func (p *scene) source(name string) string {
	p.tb.Helper()
	dir := filepath.Join(p.sources, name)
	p.must(os.MkdirAll(dir, 0o755))
	p.must(os.WriteFile(filepath.Join(dir, "of "+strings.ReplaceAll(name, "/", "_")), nil, 0o644))
	return dir
}

// tmpfs mounts one with a file in it.
func (p *scene) tmpfs(point, file string) {
	p.tb.Helper()
	p.must(os.MkdirAll(point, 0o755))
	p.must(unix.Mount("sub", point, "tmpfs", 0, ""))
	p.tb.Cleanup(func() { p.must(unix.Unmount(point, unix.MNT_DETACH)) })
	p.must(os.WriteFile(filepath.Join(point, file), nil, 0o644))
}

// root is the connection of the rootfs.
func (p *scene) root() connection {
	return connection{source: p.rootfs, path: "/", donate: true, tree: -1}
}

// mount binds a source, with what is mounted in it, into the container.
func (p *scene) mount(source, destination string, options ...string) connection {
	m := &specs.Mount{Type: "bind", Source: source, Destination: destination, Options: append([]string{"rbind"}, options...)}
	return connection{source: source, path: destination, donate: true, mount: m, tree: -1, decision: directfspolicy.Decision{Mount: destination}}
}

// lay takes the copies of the connections and finds their places.
func (p *scene) lay(conns []connection) error {
	p.tb.Cleanup(func() {
		for _, c := range conns {
			closeAll([]int{c.tree})
		}
	})
	refuse := func(m *specs.Mount, _ uint32) (*os.File, error) { return nil, fmt.Errorf("asked for %s", m.Source) }
	if err := takeTrees(conns, refuse); err != nil {
		return err
	}
	return placeAll(conns)
}

// placeAll places the connections as those of a spec without overlays.
func placeAll(conns []connection) error {
	var mounts []specs.Mount
	for i := range conns {
		if c := &conns[i]; c.mount != nil {
			c.index, mounts = len(mounts), append(mounts, *c.mount)
		}
	}
	_, err := place(conns, mounts, directfspolicy.Plan{})
	return err
}

// isolate serves the connections and undoes that at the end of the test.
func (p *scene) isolate(conns ...connection) []connection {
	p.tb.Helper()
	p.must(p.lay(conns))
	p.must(restrict(conns))
	p.serve(conns)
	return conns
}

// serve puts the copies where they are served from.
func (p *scene) serve(conns []connection) {
	p.tb.Helper()
	namespace, err := isolate(conns)
	p.must(err)
	p.tb.Cleanup(func() {
		closeAll([]int{namespace})
		p.undo(conns)
	})
}

func (p *scene) undo(conns []connection) {
	p.tb.Helper()
	for _, c := range conns {
		if fd, ok := treeFD(c.served); ok {
			p.must(unix.Close(fd))
		} else {
			p.must(unix.Unmount(servedDir+c.served, unix.MNT_DETACH))
		}
	}
	p.must(unix.Unmount(servedDir+"/"+isolation.LinksName, unix.MNT_DETACH))
	p.must(os.RemoveAll(servedDir))
	p.must(os.Remove(wrapperDir))
}

// list returns the names in a directory of a connection.
func (p *scene) list(c connection, below string) string {
	p.tb.Helper()
	entries, err := os.ReadDir(servedDir + c.served + below)
	p.must(err)
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return strings.Join(names, ", ")
}
