package volume

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/directfs/runsc/pkg/volume/handoff"
	"golang.org/x/sys/unix"
)

// patience is for what should come at once.
const patience = 20 * time.Second

type testDaemon struct {
	t       *testing.T
	cmd     *exec.Cmd
	address handoff.Address
	lines   chan line
	exited  chan struct{}
	log     bytes.Buffer
}

// startDaemon runs a daemon until the test ends, and then looks whether it has
// left anything.
func startDaemon(t *testing.T, o ServeOptions) *testDaemon {
	t.Helper()
	dir, err := os.MkdirTemp("", "volume")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	d := launch(t, daemonConfig{Path: filepath.Join(dir, "s"), Root: dir, ServeOptions: o})
	d.await("ready")
	return d
}

func launch(t *testing.T, c daemonConfig) *testDaemon {
	t.Helper()
	config, err := json.Marshal(c)
	if err != nil {
		t.Fatal(err)
	}
	a, err := handoff.ParseAddress("unix:" + c.Path)
	if err != nil {
		t.Fatal(err)
	}
	d := &testDaemon{t: t, cmd: exec.Command("/proc/self/exe"), address: a,
		lines: make(chan line, 1000), exited: make(chan struct{})}
	d.cmd.Env = append(os.Environ(), daemonVariable+"="+string(config), "GORACE=atexit_sleep_ms=0")
	d.cmd.Stderr = &d.log
	out, err := d.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := d.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go d.read(bufio.NewScanner(out))
	t.Cleanup(d.end)
	return d
}

// read ends when the last process that could write has ended.
func (d *testDaemon) read(s *bufio.Scanner) {
	defer close(d.exited)
	defer close(d.lines)
	for s.Scan() {
		var l line
		if err := json.Unmarshal(s.Bytes(), &l); err != nil {
			d.t.Errorf("the daemon says %q", s.Text())
		}
		d.lines <- l
	}
	_ = d.cmd.Wait()
}

// end also sees, by the end of the output, that no worker is left.
func (d *testDaemon) end() {
	_ = d.cmd.Process.Signal(syscall.SIGTERM)
	select {
	case <-d.exited:
	case <-time.After(patience):
		d.t.Error("the daemon or one of its workers did not end")
		_ = d.cmd.Process.Kill()
		<-d.exited
	}
	if d.t.Failed() {
		d.t.Logf("the daemon's log:\n%s", d.log.Bytes())
	}
	if d.cmd.ProcessState.Sys().(syscall.WaitStatus).Signaled() {
		return
	}
	for _, name := range []string{d.address.Path(), d.address.Path() + ".lock"} {
		if _, err := os.Lstat(name); !errors.Is(err, fs.ErrNotExist) {
			d.t.Errorf("%s is left: %v", name, err)
		}
	}
}

// await returns the next line of a type, and drops those before it.
func (d *testDaemon) await(kind string) line {
	d.t.Helper()
	timeout := time.After(patience)
	for {
		select {
		case l, ok := <-d.lines:
			if !ok {
				d.t.Fatalf("the daemon ended without %q", kind)
			}
			if l.Type == kind {
				return l
			}
		case <-timeout:
			d.t.Fatalf("the daemon did not say %q", kind)
		}
	}
}

func soon(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	t.Cleanup(cancel)
	return ctx
}

// testMount is a mount of the daemon's, as its client sees it.
type testMount struct {
	t *testing.T
	c net.Conn
	r *bufio.Reader
}

// attach mounts a volume in a sandbox.
func (d *testDaemon) attach(r handoff.Request) (*testMount, error) {
	d.t.Helper()
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		d.t.Fatal(err)
	}
	ours, theirs := os.NewFile(uintptr(fds[0]), "ours"), os.NewFile(uintptr(fds[1]), "theirs")
	defer ours.Close()
	defer theirs.Close()
	if err := handoff.Attach(soon(d.t), d.address, r, theirs); err != nil {
		return nil, err
	}
	c, err := net.FileConn(ours)
	if err != nil {
		d.t.Fatal(err)
	}
	d.t.Cleanup(func() { c.Close() })
	_ = c.SetDeadline(time.Now().Add(patience))
	return &testMount{d.t, c, bufio.NewReader(c)}, nil
}

func (d *testDaemon) mount(sandbox, volume string) *testMount {
	d.t.Helper()
	m, err := d.attach(request(sandbox, volume))
	if err != nil {
		d.t.Fatal(err)
	}
	return m
}

// try says something to the mount's server, and returns the answer.
func (m *testMount) try(words string) (string, error) {
	if _, err := fmt.Fprintln(m.c, words); err != nil {
		return "", err
	}
	answer, err := m.r.ReadString('\n')
	return strings.TrimSpace(answer), err
}

func (m *testMount) say(words string) string {
	m.t.Helper()
	answer, err := m.try(words)
	if err != nil {
		m.t.Fatalf("%s: %v", words, err)
	}
	return answer
}

// pid is that of the worker.
func (m *testMount) pid() int {
	m.t.Helper()
	pid, err := strconv.Atoi(m.say("pid"))
	if err != nil {
		m.t.Fatal(err)
	}
	return pid
}
