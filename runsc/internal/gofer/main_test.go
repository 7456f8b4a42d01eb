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

// place is a container's root for one test, in its own directory, with what
// there is in the sources.
type place struct {
	tb      testing.TB
	root    string
	sources string
}

// newPlace bind-mounts a rootfs at /container.
func newPlace(tb testing.TB) *place {
	tb.Helper()
	dir := tb.TempDir()
	p := &place{tb: tb, root: "/container", sources: filepath.Join(dir, "src")}
	p.must(os.MkdirAll(filepath.Join(dir, "rootfs"), 0o755))
	p.must(os.WriteFile(filepath.Join(dir, "rootfs", "of the rootfs"), nil, 0o644))
	p.must(os.MkdirAll(p.sources, 0o755))
	p.must(os.MkdirAll(p.root, 0o755))
	p.must(unix.Mount(filepath.Join(dir, "rootfs"), p.root, "", unix.MS_BIND, ""))
	p.must(unix.Mount("", p.root, "", unix.MS_PRIVATE, ""))
	tb.Cleanup(func() { p.must(unix.Unmount(p.root, unix.MNT_DETACH)) })
	return p
}

func (p *place) must(err error) {
	p.tb.Helper()
	if err != nil {
		p.tb.Fatal(err)
	}
}

// source makes a directory with a file that names it.
func (p *place) source(name string) string {
	p.tb.Helper()
	dir := filepath.Join(p.sources, name)
	p.must(os.MkdirAll(dir, 0o755))
	p.must(os.WriteFile(filepath.Join(dir, "of "+strings.ReplaceAll(name, "/", "_")), nil, 0o644))
	return dir
}

// mount binds a source, with what is mounted in it, into the container.
func (p *place) mount(source, destination string) connection {
	p.tb.Helper()
	point := p.root + destination
	fi, err := os.Stat(source)
	p.must(err)
	if fi.IsDir() {
		p.must(os.MkdirAll(point, 0o755))
	} else {
		p.must(os.MkdirAll(filepath.Dir(point), 0o755))
		p.must(os.WriteFile(point, nil, 0o644))
	}
	p.must(unix.Mount(source, point, "", unix.MS_BIND|unix.MS_REC, ""))
	return connection{path: destination, donate: true}
}

// isolate serves the connections and undoes that at the end of the test.
func (p *place) isolate(conns ...connection) []connection {
	p.tb.Helper()
	namespace, err := isolate(p.root, conns)
	p.must(err)
	p.tb.Cleanup(func() {
		closeAll([]int{namespace})
		p.undo(conns)
	})
	return conns
}

func (p *place) undo(conns []connection) {
	p.tb.Helper()
	for _, c := range conns {
		if fd, ok := treeFD(c.served); ok {
			p.must(unix.Close(fd))
		} else {
			p.must(unix.Unmount(servedDir+c.served, unix.MNT_DETACH))
		}
	}
	p.must(unix.Unmount(servedDir+"/"+linksName, unix.MNT_DETACH))
	p.must(os.RemoveAll(servedDir))
	p.must(os.Remove(wrapperDir))
}

// list returns the names in a directory of a connection.
func (p *place) list(c connection, below string) string {
	p.tb.Helper()
	entries, err := os.ReadDir(servedDir + c.served + below)
	p.must(err)
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return strings.Join(names, ", ")
}
