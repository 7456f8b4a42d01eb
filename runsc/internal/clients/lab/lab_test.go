package lab

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

func TestMain(m *testing.M) { os.Exit(Main(m)) }

// What a guide writes to the machine's directories is not the host's, and what
// the host has there can be read.
func TestMachine(t *testing.T) {
	l := New(t)
	for _, name := range []string{"/etc/only-here", "/usr/local/bin/only-here", "/var/lib/docker/only-here", "/run/only-here", "/srv/only-here"} {
		if err := os.WriteFile(name, nil, 0o644); err != nil {
			t.Error(err)
		}
		if out, err := exec.Command("findmnt", "-n", "-o", "FSTYPE", "-T", name).Output(); err != nil || string(out) != "overlay\n" && string(out) != "tmpfs\n" {
			t.Errorf("%s is in %s, %v", name, out, err)
		}
	}
	if _, err := os.Stat("/etc/passwd"); err != nil {
		t.Error(err)
	}
	if len(l.Dir) > 40 {
		t.Errorf("%s is too long for sockets below it", l.Dir)
	}
	devices, err := net.Interfaces()
	if err != nil || len(devices) != 1 || devices[0].Flags&net.FlagUp == 0 {
		t.Errorf("network devices: %v, %v", devices, err)
	}
	if out := l.Run(t, "sh", "-c", "command -v runsc"); out != l.Module+"/bin/runsc\n" {
		t.Errorf("runsc is %s", out)
	}
	if r := l.Try("sh", "-c", "echo out; echo err >&2; exit 3"); r.Stdout != "out\n" || r.Stderr != "err\n" || r.Code != 3 {
		t.Errorf("%+v", r)
	}
}

// Each kind of thing that can be left is found, and is not when it is gone.
func TestLeft(t *testing.T) {
	l := New(t)
	before, err := Take(l.Dir)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	sleep := exec.CommandContext(ctx, "sleep", "1000")
	if err := sleep.Start(); err != nil {
		t.Fatal(err)
	}
	dir := l.Mkdir("m")
	if err := unix.Mount("tmpfs", dir, "tmpfs", 0, ""); err != nil {
		t.Fatal(err)
	}
	group := hierarchiesFromEnv()[0].point + "/left"
	if err := os.Mkdir(group, 0o755); err != nil {
		t.Fatal(err)
	}
	socket, err := net.Listen("unix", l.Path("socket"))
	if err != nil {
		t.Fatal(err)
	}
	l.Run(t, "ip", "link", "add", "left0", "type", "bridge")
	l.Run(t, "iptables", "-A", "INPUT", "-s", "192.0.2.1", "-j", "DROP")
	now, err := Take(l.Dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"sleep 1000", "mount tmpfs on " + dir, "cgroup " + group, "socket " + l.Path("socket"), "network device left0", "192.0.2.1/32", "file " + dir} {
		found := false
		for what := range now {
			found = found || !before[what] && strings.Contains(what, want)
		}
		if !found {
			t.Errorf("%q is not found", want)
		}
	}
	cancel()
	_ = sleep.Wait() // killed
	l.Run(t, "ip", "link", "delete", "left0")
	l.Run(t, "iptables", "-D", "INPUT", "-s", "192.0.2.1", "-j", "DROP")
	for _, err := range []error{unix.Unmount(dir, 0), os.Remove(dir), os.Remove(group), socket.Close()} {
		if err != nil {
			t.Error(err)
		}
	}
	if left, err := before.Left(func(string) bool { return false }, l.Dir); err != nil || left != nil {
		t.Errorf("left: %q, %v", left, err)
	}
}

func TestImage(t *testing.T) {
	l := New(t)
	image := l.Image(t, l.Rootfs(t, "rootfs"))
	list := l.Run(t, "tar", "tf", image)
	for _, want := range []string{"index.json", "manifest.json", "oci-layout", "blobs/sha256/"} {
		if !strings.Contains(list, want) {
			t.Errorf("%s is not in\n%s", want, list)
		}
	}
}

// What a killed machine leaves is removed by the next one, and nothing of one that
// is alive.
func TestSweep(t *testing.T) {
	dir, err := os.MkdirTemp("", prefix)
	if err != nil {
		t.Fatal(err)
	}
	groups, err := makeCgroups(filepath.Base(dir))
	if err != nil {
		t.Fatal(err)
	}
	there := func() bool {
		_, err := os.Stat(dir)
		_, err2 := os.Stat(groups[0].group)
		return err == nil && err2 == nil
	}
	lock, err := flock(dir)
	if err != nil {
		t.Fatal(err)
	}
	if sweep(); !there() {
		t.Error("a machine with its lock was swept")
	}
	lock.Close()
	sleep := exec.Command("sleep", "1000")
	if err := sleep.Start(); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(groups[0].group, "cgroup.procs"), fmt.Append(nil, sleep.Process.Pid), 0o644); err != nil {
		t.Error(err)
	}
	if sweep(); !there() {
		t.Error("a machine with a process was swept")
	}
	_ = sleep.Process.Kill()
	_ = sleep.Wait() // killed
	if sweep(); there() {
		t.Error("it is still there")
	}
}
