package volumed

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/directfs/runsc/pkg/volume/handoff"
	"golang.org/x/sys/unix"
)

// asProgram makes the test's program volumed. Workers inherit it.
const asProgram = "TEST_AS_VOLUMED"

func TestMain(m *testing.M) {
	if os.Getenv(asProgram) != "" {
		os.Exit(Main(context.Background(), os.Args[1:]))
	}
	os.Exit(m.Run())
}

// program is a command of volumed.
func program(args ...string) *exec.Cmd {
	cmd := exec.Command(os.Args[0], args...)
	cmd.Env = append(cmd.Environ(), asProgram+"=1")
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	return cmd
}

// runningDaemon is "volumed serve".
type runningDaemon struct {
	t       *testing.T
	cmd     *exec.Cmd
	dir     string // with the socket, that of metrics, and the state
	log     *logLines
	ended   chan struct{}
	address handoff.Address
}

// startDaemon returns when it listens. The directory may be that of one before.
func startDaemon(t *testing.T, dir string, args ...string) *runningDaemon {
	t.Helper()
	socket := filepath.Join(dir, "s.sock")
	address, err := handoff.ParseAddress("unix:" + socket)
	if err != nil {
		t.Fatal(err)
	}
	d := &runningDaemon{t: t, dir: dir, log: newLogLines(), ended: make(chan struct{}), address: address}
	d.cmd = program(append([]string{"serve", "--socket", socket, "--state-dir", filepath.Join(dir, "state"),
		"--metrics", "unix:" + filepath.Join(dir, "m.sock"), "--log-format", "json", "--progress", "1ns"}, args...)...)
	d.cmd.Stderr = d.log
	if err := d.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		defer close(d.ended)
		d.cmd.Wait()
	}()
	t.Cleanup(func() {
		d.cmd.Process.Kill()
		<-d.ended
		if t.Failed() {
			t.Logf("log of volumed:\n%s", d.log)
		}
	})
	d.await("listening")
	return d
}

// stop ends the daemon in good order.
func (d *runningDaemon) stop() {
	d.t.Helper()
	d.cmd.Process.Signal(syscall.SIGTERM)
	<-d.ended
	if code := d.cmd.ProcessState.ExitCode(); code != 0 {
		d.t.Errorf("volumed ended with status %d", code)
	}
}

// await returns a line of the log with a message.
func (d *runningDaemon) await(message string) map[string]any {
	d.t.Helper()
	line := d.log.await(message, d.ended)
	if line == nil {
		d.t.Fatalf("no %q in the log:\n%s", message, d.log)
	}
	return line
}

func request(volume, sandbox string) handoff.Request {
	return handoff.Request{Volume: volume, Container: sandbox, Sandbox: sandbox, Mount: "/data"}
}

func (d *runningDaemon) ask(r handoff.Request) error {
	_, err := handoff.Ask(d.t.Context(), d.address, r)
	return err
}

// attach mounts a volume, and returns the sandbox's end of the connection.
func (d *runningDaemon) attach(r handoff.Request) int {
	d.t.Helper()
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		d.t.Fatal(err)
	}
	server := os.NewFile(uintptr(fds[0]), "server")
	defer server.Close()
	if err := handoff.Attach(d.t.Context(), d.address, r, server); err != nil {
		unix.Close(fds[1])
		d.t.Fatalf("attaching: %v", err)
	}
	return fds[1]
}

// metric returns the value of a series.
func (d *runningDaemon) metric(series string) float64 {
	d.t.Helper()
	t := &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "unix", filepath.Join(d.dir, "m.sock"))
	}}
	defer t.CloseIdleConnections()
	got, err := (&http.Client{Transport: t}).Get("http://volumed/metrics")
	if err != nil {
		d.t.Fatal(err)
	}
	defer got.Body.Close()
	text, err := io.ReadAll(got.Body)
	if err != nil {
		d.t.Fatal(err)
	}
	m := regexp.MustCompile(`(?m)^` + regexp.QuoteMeta(series) + ` (.*)$`).FindSubmatch(text)
	if m == nil {
		d.t.Fatalf("no series %s in\n%s", series, text)
	}
	v, err := strconv.ParseFloat(string(m[1]), 64)
	if err != nil {
		d.t.Fatal(err)
	}
	return v
}

// logLines is a log in JSON that can be waited for.
type logLines struct {
	mu    sync.Mutex
	text  bytes.Buffer
	grown chan struct{} // closed and replaced with each write
}

func newLogLines() *logLines { return &logLines{grown: make(chan struct{})} }

func (l *logLines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	close(l.grown)
	l.grown = make(chan struct{})
	return l.text.Write(p)
}

func (l *logLines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// await returns nil if there is no such line before the process has ended, or in
// a minute.
func (l *logLines) await(message string, ended <-chan struct{}) map[string]any {
	timeout := time.After(time.Minute)
	for {
		l.mu.Lock()
		text, grown := l.text.String(), l.grown
		l.mu.Unlock()
		for lines := bufio.NewScanner(strings.NewReader(text)); lines.Scan(); {
			var line map[string]any
			if json.Unmarshal(lines.Bytes(), &line) == nil && line["msg"] == message {
				return line
			}
		}
		select {
		case <-grown:
		case <-ended:
			return nil
		case <-timeout:
			return nil
		}
	}
}
