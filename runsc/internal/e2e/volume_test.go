package e2e

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

	"github.com/directfs/runsc/pkg/volume/hostdir"
	"github.com/directfs/runsc/runsc/harness"
	specs "github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"
)

// volumeLab is a lab with volumes; see package volumes for their names.
type volumeLab struct {
	*harness.Lab
	dir string // of the volumes

	backend string // what serves them
	daemon  *volumeDaemon
}

// newLocalLab is a lab whose runtime serves volumes itself, as "local".
func newLocalLab(t *testing.T, flags ...string) *volumeLab {
	t.Helper()
	l := &volumeLab{Lab: newLab(t, flags...), backend: "local"}
	l.makeDir(t)
	l.Binary = harness.Program(t, "./runsc/internal/e2e/volumeruntime")
	l.Env = []string{"E2E_VOLUMES=" + l.dir}
	return l
}

// newDaemonLab is a lab with a daemon, which serves the volumes as "daemon".
func newDaemonLab(t *testing.T, flags ...string) *volumeLab {
	t.Helper()
	return daemonLabOf(t, newLab(t, flags...))
}

// daemonLabOf makes a lab one with a daemon, which gets more arguments.
func daemonLabOf(t *testing.T, lab *harness.Lab, args ...string) *volumeLab {
	t.Helper()
	l := &volumeLab{Lab: lab, backend: "daemon"}
	l.makeDir(t)
	l.startDaemonAs(t, 0, args...)
	l.Runtime = l.With("--volume-daemon=daemon=unix:" + l.daemon.socket)
	return l
}

func (l *volumeLab) makeDir(t *testing.T) {
	t.Helper()
	l.dir = volume(l.Lab, "volumes")
	if err := os.Mkdir(l.dir, 0o755); err != nil {
		t.Fatal(err)
	}
}

// mount mounts a volume, named by the kind of it and its directory. Its source
// is that directory, for checks; the runtime must not look at it.
func (l *volumeLab) mount(t *testing.T, destination, kind, name string, options ...string) harness.Option {
	t.Helper()
	source := filepath.Join(l.dir, name)
	if err := os.MkdirAll(source, 0o755); err != nil {
		t.Fatal(err)
	}
	options = append([]string{"gofer=" + l.backend + "/" + kind + "-" + name}, options...)
	return harness.RawMount(specs.Mount{Destination: destination, Type: "bind", Source: source, Options: options})
}

type volumeDaemon struct {
	cmd    *exec.Cmd
	socket string
}

// startDaemon starts the lab's daemon, which ends with the test.
func (l *volumeLab) startDaemon(t *testing.T) {
	t.Helper()
	l.startDaemonAs(t, 0)
}

func (l *volumeLab) startDaemonAs(t *testing.T, user uint32, args ...string) {
	t.Helper()
	// A socket's path is short (unix(7)).
	dir := volume(l.Lab, "s")
	if err := errors.Join(os.MkdirAll(dir, 0o755), os.Chown(dir, int(user), int(user))); err != nil {
		t.Fatal(err)
	}
	d := &volumeDaemon{socket: filepath.Join(dir, "d")}
	d.cmd = exec.Command(harness.Program(t, "./runsc/internal/e2e/volumedaemon"), append([]string{d.socket, l.dir}, args...)...)
	d.cmd.Stderr = os.Stderr
	d.cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: user, Gid: user}}
	out, err := d.cmd.StdoutPipe()
	if err == nil {
		err = d.cmd.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	if _, err := out.Read(make([]byte, 1)); err != nil {
		t.Fatalf("the daemon does not listen: %v", err)
	}
	l.daemon = d
	t.Cleanup(func() { d.end(t, unix.SIGTERM) })
}

// end ends the daemon.
func (d *volumeDaemon) end(t *testing.T, s unix.Signal) {
	t.Helper()
	if d.cmd.ProcessState != nil {
		return
	}
	if err := d.cmd.Process.Signal(s); err != nil {
		t.Error(err)
	}
	_ = d.cmd.Wait()
}

// servedBoth runs a test with volumes of the runtime itself and of a daemon.
func servedBoth(t *testing.T, test func(t *testing.T, l *volumeLab), flags ...string) {
	t.Run("local", func(t *testing.T) { test(t, newLocalLab(t, flags...)) })
	t.Run("daemon", func(t *testing.T) { test(t, newDaemonLab(t, flags...)) })
}

// A volume is LisaFS without a hint, beside mounts that are not.
func TestVolumes(t *testing.T) {
	servedBoth(t, func(t *testing.T, l *volumeLab) {
		logTo(t, l.Lab)
		c := l.Serve(t, l.Bundle(t, harness.Mount("/a"), l.mount(t, "/v", "host", "v"), l.mount(t, "/w", "host", "w", "ro"), l.mount(t, "/m", "memory", "m"),
			harness.Mount("/b", "rw", "directfs=off"), harness.Args("serve", "/", "/v", "/a", "/b")))
		want := access{"/": true, "/a": true, "/b": false, "/v": false, "/w": false, "/m": false}
		r := readReport(t, c)
		checkOps(t, c.Bundle, r)
		checkMountOptions(t, want, r)
		checkPrivileges(t, c, true)
		checkFilters(t, c)
		checkHeld(t, c, direct(want))
		checkOpsIn(t, c, "/m")
		command(t, l.Runtime, "policy", "verify", c.ID)
		stop(t, l.Lab, c)
	}, flag(true))
}

// What serves a volume decides what its gofer may call: nothing for a daemon's,
// and for a backend's in the gofer what serving needs and what that declares. It
// works, and verify finds exactly that.
func TestVolumeFilters(t *testing.T) {
	declared := strings.Join(slices.Sorted(slices.Values(hostdir.Syscalls)), " ")
	for name, test := range map[string]struct {
		lab        func(*testing.T, ...string) *volumeLab
		backend    string
		kind       string
		sets, more string // beside directfs mounts
	}{
		"daemon":          {newDaemonLab, "daemon", "host", "gofer-base gofer-directfs-fallback", ""},
		"local directory": {newLocalLab, "local", "host", "gofer-base gofer-directfs-fallback gofer-volume", declared},
		"local memory":    {newLocalLab, "calm", "memory", "gofer-base gofer-directfs-fallback gofer-volume", ""},
	} {
		t.Run(name, func(t *testing.T) {
			l := test.lab(t, flag(true))
			l.backend = test.backend
			logTo(t, l.Lab)
			c := l.Serve(t, l.Bundle(t, harness.Mount("/a"), l.mount(t, "/v", test.kind, "v"), l.mount(t, "/w", test.kind, "w", "ro"), harness.Args("serve", "/a")))
			checkOps(t, c.Bundle, readReport(t, c))
			checkOpsIn(t, c, "/v")
			if got, want := goferSets(t, l.Lab, c), fmt.Sprintf("[%s], and [%s]", test.sets, test.more); got != want {
				t.Errorf("the gofer's seccomp sets are %s, want %s", got, want)
			}
			checkFilters(t, c)
			command(t, l.Runtime, "policy", "verify", c.ID)
			stop(t, l.Lab, c)
		})
	}
}

// checkOpsIn runs the file operations where the host does not see the files.
func checkOpsIn(t *testing.T, c *harness.Container, dirs ...string) {
	t.Helper()
	execGuest(t, c, append([]string{"ops"}, dirs...)...)
}
