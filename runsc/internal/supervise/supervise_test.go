package supervise

import (
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

func supervised(t *testing.T, role string, answer string, change ...func(*exec.Cmd)) (*Children, *exec.Cmd, Process) {
	t.Helper()
	said := make(chan Process, 1)
	c, err := Start(Options{Mounts: 10, OnHello: func(p Process) Answer { said <- p; return Answer{Data: []byte(answer)} }})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	cmd := start(t, role, change...)
	return c, cmd, <-said
}

func TestReasons(t *testing.T) {
	for role, want := range map[string]string{
		"fatal gofer":   `gofer process: no way: \x1b[31mxxx`,
		"panic sandbox": "sandbox process: panic: lost its way",
		"unlock gofer":  "gofer process: fatal error: sync: unlock of unlocked mutex",
	} {
		c, cmd, p := supervised(t, role, "way")
		if p.PID != cmd.Process.Pid || !strings.HasSuffix(role, string(p.Kind)) {
			t.Errorf("%s: %+v said hello, PID %d", role, p, cmd.Process.Pid)
		}
		got := c.Reasons(enough)
		if c.ends[0].stderr >= 0 || c.ends[1].stderr >= 0 {
			t.Errorf("%s: its stderr is still held", role)
		}
		if len(got) != 1 || !strings.HasPrefix(got[0], want) {
			t.Errorf("%s: %.200q, want %q", role, got, want)
		}
		for _, r := range got {
			if len(r) > maxReason+100 || strings.ContainsAny(r, "\n\x1b") {
				t.Errorf("%s: %d bytes: %.200q", role, len(r), r)
			}
		}
	}
}

// A gofer gets files with the answer, and nobody else keeps them.
func TestAnswerHasFiles(t *testing.T) {
	for role, want := range map[string]string{"files gofer": "file 0file 1", "files sandbox": ""} {
		r, w, err := os.Pipe()
		if err != nil {
			t.Fatal(err)
		}
		second, err := unix.Dup(int(w.Fd()))
		if err != nil {
			t.Fatal(err)
		}
		files := []*os.File{w, os.NewFile(uintptr(second), "second")}
		c, err := Start(Options{Mounts: 10, OnHello: func(Process) Answer { return Answer{Files: files} }})
		if err != nil {
			t.Fatal(err)
		}
		cmd := start(t, role)
		_ = cmd.Wait()
		c.Close()
		// The end comes when nobody has the other end any more.
		if got, err := io.ReadAll(r); err != nil || string(got) != want {
			t.Errorf("%s: %q, %v, want %q", role, got, err, want)
		}
		r.Close()
	}
}

// A process that talks without end is cut short.
func TestReasonsAreBounded(t *testing.T) {
	c, cmd, _ := supervised(t, "flood sandbox", "")
	_ = cmd.Wait()
	got := c.Reasons(enough)
	if len(got) != 1 || len(got[0]) > maxReason+100 {
		t.Errorf("%d reasons: %.100q", len(got), got)
	}
}

// Who is committed lives on, and is not connected any more.
func TestCommit(t *testing.T) {
	c, cmd, _ := supervised(t, "wait gofer", "")
	if !connected(t, cmd.Process.Pid) {
		t.Error("the process is not connected")
	}
	c.Commit()
	<-c.ends[0].done
	deadline := time.Now().Add(10 * time.Second)
	for connected(t, cmd.Process.Pid) {
		if time.Now().After(deadline) {
			t.Fatal("the process is still connected")
		}
	}
	if err := cmd.Process.Signal(unix.Signal(0)); err != nil {
		t.Errorf("the process ended: %v", err)
	}
	if got := c.Reasons(enough); got != nil {
		t.Errorf("reasons %q", got)
	}
}

// connected reports whether the process has the socket, which is its only one.
func connected(t *testing.T, pid int) bool {
	t.Helper()
	fds, err := filepath.Glob("/proc/" + strconv.Itoa(pid) + "/fd/*")
	if err != nil || len(fds) == 0 {
		t.Fatalf("FDs of the process: %q, %v", fds, err)
	}
	return slices.ContainsFunc(fds, func(fd string) bool {
		to, err := os.Readlink(fd)
		return err == nil && strings.HasPrefix(to, "socket:")
	})
}

// Who is not committed ends with the client.
func TestClientDies(t *testing.T) {
	for _, how := range []string{"close", "kill"} {
		if how == "close" {
			c, cmd, _ := supervised(t, "wait sandbox", "")
			c.Close()
			expectExit(t, cmd)
			continue
		}
		// A client of its own, which is killed, and the process with it.
		r, w, err := os.Pipe()
		if err != nil {
			t.Fatal(err)
		}
		client := exec.Command("/proc/self/exe")
		client.Env, client.Stdout = []string{roleVariable + "=client"}, w
		if err := client.Start(); err != nil {
			t.Fatal(err)
		}
		w.Close()
		// It says when its process is there; the process has the pipe too, and
		// its end is the end of the pipe.
		if _, err := r.Read(make([]byte, 1)); err != nil {
			t.Fatal(err)
		}
		_ = client.Process.Kill()
		_ = client.Wait()
		if err := r.SetReadDeadline(time.Now().Add(10 * time.Second)); err != nil {
			t.Fatal(err)
		}
		if _, err := r.Read(make([]byte, 1)); errors.Is(err, os.ErrDeadlineExceeded) {
			t.Error("the process did not end with its client")
		}
		r.Close()
	}
}

func dyingClient() {
	said := make(chan struct{}, 1)
	if _, err := Start(Options{OnHello: func(Process) Answer { said <- struct{}{}; return Answer{} }}); err != nil {
		os.Exit(3)
	}
	cmd := exec.Command("/proc/self/exe")
	cmd.Env, cmd.Stdout = []string{roleVariable + "=wait gofer"}, os.Stdout
	if err := cmd.Start(); err != nil {
		os.Exit(3)
	}
	<-said
	_, _ = os.Stdout.Write([]byte{'.'})
	select {}
}

func expectExit(t *testing.T, cmd *exec.Cmd) {
	t.Helper()
	timer := time.AfterFunc(10*time.Second, func() { _ = cmd.Process.Kill() })
	err := cmd.Wait()
	timer.Stop()
	var exit *exec.ExitError
	if !errors.As(err, &exit) || exit.ExitCode() != 128 {
		t.Errorf("the process ended with %v, want exit status 128", err)
	}
}

// What starts after the sandbox process, hooks for instance, inherits nothing.
func TestNothingElseInherits(t *testing.T) {
	c, _, _ := supervised(t, "wait sandbox", "")
	c.closeInherited() // the answer to the hello comes right after this
	out, err := exec.Command("/bin/ls", "/proc/self/fd").Output()
	if err != nil {
		t.Fatal(err)
	}
	for _, fd := range strings.Fields(string(out)) {
		if len(fd) >= 3 {
			t.Errorf("a later process has FD %s", fd)
		}
	}
}

// A process that nobody supervises works all the same.
func TestNobody(t *testing.T) {
	var c *Client
	if c.AwaitReady().Data != nil || c.KeepOverExec() != nil {
		t.Error("nobody answers")
	}
	var none *Children
	none.Commit()
	none.Close()
	if none.Reasons(enough) != nil {
		t.Error("nobody has reasons")
	}
}
