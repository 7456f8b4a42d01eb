// Package containerd tests the runtime with containerd: with its client ctr, and
// through the CRI, which a kubelet uses, with crictl.
package containerd

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/directfs/runsc/runsc/internal/clients/lab"
)

// Images that every daemon has, in both namespaces. PauseName is what containerd
// 2.4 runs as a pod's first container.
const (
	ImageName = "docker.io/library/busybox:latest"
	PauseName = "registry.k8s.io/pause:3.10.2"
)

// Daemon is a containerd with the CRI plugin and this runtime's shim.
type Daemon struct {
	*lab.Lab

	// Address is that of the daemon's socket, StateRoot the directory in which
	// the shim has the runtime keep containers, one for each namespace.
	Address, StateRoot string

	// Cap, if it is not empty, is a program and its arguments that start the
	// daemon's.
	Cap []string

	program, config string // the file
	cmd             *exec.Cmd
	log             *os.File
}

// Start starts a daemon with handlers of the CRI, and stops it at the test's end.
// What was there before, and nothing else, must then be there again.
func Start(tb testing.TB, handlers ...Handler) *Daemon {
	tb.Helper()
	d := Prepare(tb, handlers...)
	d.Up(tb)
	d.Import(tb)
	// What is made once, such as cgroups of a namespace, is there from now on.
	for _, r := range []*Road{d.GVisor(nil), d.Runc()} {
		if got := r.Run("true"); got.Code != 0 {
			tb.Fatalf("%+v\n%s", got, d.Log())
		}
	}
	return d
}

// Prepare writes the configuration of a daemon that is not started.
func Prepare(tb testing.TB, handlers ...Handler) *Daemon {
	tb.Helper()
	l := lab.New(tb)
	l.Setenv("PATH", filepath.Join(l.Module, "bin")+":"+filepath.Join(l.Module, "bin/clients")+":/usr/local/sbin:/usr/sbin:/usr/bin:/sbin:/bin")
	d := &Daemon{Lab: l, Address: l.Path("c.sock"), StateRoot: "/run/containerd/runsc", program: filepath.Join(l.Module, "bin/clients/containerd"), config: l.Path("config.toml")}
	l.Setenv("CONTAINERD_ADDRESS", d.Address)
	l.Setenv("CONTAINER_RUNTIME_ENDPOINT", "unix://"+d.Address)
	l.Setenv("IMAGE_SERVICE_ENDPOINT", "unix://"+d.Address)
	l.Write("timeout: 60\n", "home/.crictl/crictl.yaml")
	tb.Cleanup(func() { d.Down(tb) })
	d.configure(tb, append([]Handler{{Name: "runsc"}}, handlers...))
	return d
}

// withoutSysResource starts a program with less. Many containers that run containerd
// themselves lack this capability.
var withoutSysResource = []string{"setpriv", "--bounding-set=-sys_resource", "--inh-caps=-sys_resource"}

// Up starts the daemon and waits until it says that it is ready.
func (d *Daemon) Up(tb testing.TB) {
	tb.Helper()
	ready := d.Path("ready.sock")
	conn, err := unix.Socket(unix.AF_UNIX, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		tb.Fatal(err)
	}
	defer unix.Close(conn)
	if err := errors.Join(ignoreAbsent(os.Remove(ready)), unix.Bind(conn, &unix.SockaddrUnix{Name: ready})); err != nil {
		tb.Fatal(err)
	}
	if d.log, err = os.OpenFile(d.Path("containerd.log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644); err != nil {
		tb.Fatal(err)
	}
	args := append(append(append(append([]string{}, d.Cap...), withoutSysResource...), d.program), "--config", d.config, "--log-level", "debug")
	d.cmd = exec.Command(args[0], args[1:]...)
	d.cmd.Env, d.cmd.Dir = append(d.Env(), "NOTIFY_SOCKET="+ready), d.Dir
	d.cmd.Stdout, d.cmd.Stderr = d.log, d.log
	// Its own process group: what a test sends to the daemon is for it alone.
	d.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := d.cmd.Start(); err != nil {
		tb.Fatal(err)
	}
	if err := awaitReady(conn); err != nil {
		tb.Fatalf("%s does not say that it is ready: %v\n%s", d.program, err, d.Log())
	}
}

// awaitReady reads what a daemon tells systemd (sd_notify(3)).
func awaitReady(socket int) error {
	limit := unix.NsecToTimeval(int64(lab.Deadline))
	if err := unix.SetsockoptTimeval(socket, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &limit); err != nil {
		return err
	}
	for b := make([]byte, 4096); ; {
		n, err := unix.Read(socket, b)
		if errors.Is(err, unix.EINTR) {
			continue
		}
		if err != nil || strings.Contains(string(b[:n]), "READY=1") {
			return err
		}
	}
}

// Down stops the daemon. Containers go on.
func (d *Daemon) Down(tb testing.TB) { d.end(tb, syscall.SIGTERM) }

// Kill ends the daemon as a crash would.
func (d *Daemon) Kill(tb testing.TB) { d.end(tb, syscall.SIGKILL) }

func (d *Daemon) end(tb testing.TB, signal syscall.Signal) {
	if d.cmd == nil {
		return
	}
	if err := d.cmd.Process.Signal(signal); err != nil {
		tb.Error(err)
	}
	_ = d.cmd.Wait() // a signal
	d.cmd = nil
	if err := d.log.Close(); err != nil {
		tb.Error(err)
	}
}

// Log is the end of what the daemon and its shims have logged.
func (d *Daemon) Log() string {
	b, err := os.ReadFile(d.Path("containerd.log"))
	if err != nil {
		return err.Error()
	}
	return string(b[max(0, len(b)-60000):])
}

// Import gives the daemon its images.
func (d *Daemon) Import(tb testing.TB) {
	tb.Helper()
	rootfs := d.Rootfs(tb, "rootfs")
	for file, image := range map[string][]string{"image.tar": {ImageName, "sh"}, "pause.tar": {PauseName, "sleep", "1000000"}} {
		tar := d.NamedImage(tb, rootfs, file, image[0], image[1:]...)
		for _, namespace := range []string{"default", "k8s.io"} {
			d.Lab.Run(tb, "ctr", "-n", namespace, "image", "import", tar)
		}
	}
}

func ignoreAbsent(err error) error {
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	return err
}

// Leaks fails the test if there is something at its end that was not there at
// the call. Of the daemon's own files these are the bundles: it removes others,
// such as snapshots, at its leisure.
func (d *Daemon) Leaks(tb testing.TB) {
	tb.Helper()
	before := d.bundles()
	lab.Leaks(tb, nil, "/run/containerd", d.Path("tmp"))
	tb.Cleanup(func() {
		if tb.Failed() {
			tb.Log("the end of the log:\n" + d.Log())
		}
	})
	tb.Cleanup(func() {
		lab.Eventually(tb, "removal of bundles", func() error {
			if left := slices.DeleteFunc(d.bundles(), func(b string) bool { return slices.Contains(before, b) }); len(left) > 0 {
				return fmt.Errorf("left: %q", left)
			}
			return nil
		})
	})
}

// bundles are the directories that the daemon has for containers.
func (d *Daemon) bundles() []string {
	found, _ := filepath.Glob(d.Path("*", "io.containerd.runtime.v2.task", "*", "*")) // the pattern is right
	return found
}
