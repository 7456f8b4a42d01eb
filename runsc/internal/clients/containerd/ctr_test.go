package containerd

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/directfs/runsc/runsc/harness"
	"github.com/directfs/runsc/runsc/internal/clients/lab"
	"github.com/directfs/runsc/runsc/internal/clients/suite"
)

// lifecycle are the tests that every road passes.
func lifecycle(t *testing.T, r *Road) {
	for name, test := range map[string]func(*testing.T, *Road){
		"Run": run, "Exec": execute, "Kill": killed, "Streams": streams, "Terminal": terminal,
		"Pause": pause, "Volumes": volumes, "Mixed": mixed, "Options": options, "Refused": refused, "Overlay": ctrOverlay, "Privileges": privileges,
	} {
		t.Run(name, func(t *testing.T) {
			r.Leaks(t)
			test(t, r)
		})
	}
}

func TestGVisorShim(t *testing.T) { lifecycle(t, Start(t).GVisor(nil)) }

func TestRuncShim(t *testing.T) { lifecycle(t, Start(t).Runc()) }

// is fails the test if a command ended or wrote otherwise.
func is(t *testing.T, r lab.Result, code int, stdout string) {
	t.Helper()
	if r.Code != code || r.Stdout != stdout {
		t.Errorf("exit status %d, stdout %q, stderr %q; want %d, %q", r.Code, r.Stdout, r.Stderr, code, stdout)
	}
}

func run(t *testing.T, r *Road) {
	is(t, r.Run("echo", "hello"), 0, "hello\n")
	is(t, r.Run("sh", "-c", "exit 7"), 7, "")
	is(t, r.Run("sh", "-c", "kill -TERM $$"), 143, "")
	is(t, r.Run("--env", "A=b", "--cwd", "/tmp", "IMAGE", "sh", "-c", "echo $A $PWD"), 0, "b /tmp\n")
	if !r.NoUser {
		is(t, r.Run("--user", "5:6", "IMAGE", "sh", "-c", "id -u; id -g"), 0, "5\n6\n")
	}
	for _, command := range []string{"/no/such", "/etc"} {
		id := r.ID()
		if got := r.Ctr(r.runArgs(id, []string{"--rm", "IMAGE", command})...); got.Code == 0 || !strings.Contains(got.Stderr, command) {
			t.Errorf("%s: %+v", command, got)
		}
		if got := r.Ctr("container", "info", id); got.Code == 0 {
			t.Errorf("%s: --rm has not removed the container", command)
		}
	}
}

func execute(t *testing.T, r *Road) {
	id := r.Start(t, "sleep", "1000")
	is(t, r.Exec(id, "echo", "hello"), 0, "hello\n")
	got := r.Exec(id, "sh", "-c", "echo err >&2; exit 5")
	is(t, got, 5, "")
	if !strings.HasPrefix(got.Stderr, "err\n") {
		t.Errorf("stderr is %q", got.Stderr)
	}
	if got := r.Exec(id, "/no/such"); got.Code == 0 || !strings.Contains(got.Stderr, "/no/such") {
		t.Errorf("%+v", got)
	}
	is(t, r.Exec(id, "echo", "still"), 0, "still\n")
}

func killed(t *testing.T, r *Road) {
	dir := r.Mkdir("k")
	const script = "trap 'exit 3' USR1; touch /v/ready; while :; do sleep 0.05; done"
	for signal, code := range map[string]int{"SIGUSR1": 3, "SIGKILL": 137} {
		f := r.Foreground(t, "--mount", "type=bind,src="+dir+",dst=/v,options=rbind:rw", "IMAGE", "sh", "-c", script)
		lab.Eventually(t, "the handler", func() error { return os.Remove(dir + "/ready") })
		r.Do(t, "task", "kill", "-s", signal, f.ID)
		if got := f.Wait(); got != code {
			t.Errorf("%s: exit status %d, want %d\n%s", signal, got, code, f.Output)
		}
	}
	// A container that nobody waits for.
	id := r.Start(t, "sleep", "1000")
	r.Do(t, "task", "kill", "-s", "SIGKILL", id)
	r.Await(t, id, "STOPPED")
	if got := r.Ctr("task", "rm", id); !strings.Contains(got.Stderr, "exit code 137") {
		t.Errorf("task rm: %+v", got)
	}
	r.Do(t, "container", "rm", id)
}

// Without a terminal nothing hangs, whatever the container does with its streams.
func streams(t *testing.T, r *Road) {
	is(t, r.Run("sh", "-c", "echo out; echo err >&2"), 0, "out\n")
	// All of it, up to the last line.
	got := r.Run("sh", "-c", "i=0; while [ $i -lt 2000 ]; do echo $i; i=$((i+1)); done")
	if lines := strings.Fields(got.Stdout); got.Code != 0 || len(lines) != 2000 || lines[1999] != "1999" {
		t.Errorf("exit status %d, %d lines, %s", got.Code, len(lines), got.Stderr)
	}
	stdin(t, r)
	logFile(t, r)
}

// gVisor's shim writes to no log file, which runc's does.
func logFile(t *testing.T, r *Road) {
	log, id := r.Path("log"), r.ID()
	got := r.Ctr(r.runArgs(id, []string{"-d", "--log-uri", "file://" + log, "IMAGE", "sh", "-c", "echo logged; exec sleep 1000"})...)
	t.Cleanup(func() { r.Remove(id) })
	if r.gvisor() {
		if want := "failed to start io pipe copy: gvisor-containerd-shim: opening file://" + log + " failed"; got.Code == 0 || !strings.Contains(got.Stderr, want) {
			t.Errorf("%+v, want %q", got, want)
		}
		return
	}
	lab.Eventually(t, "the log", func() error {
		if text, err := os.ReadFile(log); err != nil || string(text) != "logged\n" {
			return fmt.Errorf("%q, %v", text, err)
		}
		return nil
	})
}

// A container reads what the client reads, and its end.
func stdin(t *testing.T, r *Road) {
	in, out := r.Path("in"), r.Path("out")
	if err := unix.Mkfifo(in, 0o600); err != nil {
		t.Fatal(err)
	}
	ctr := append([]string{"ctr"}, r.runArgs(r.ID(), []string{"--rm", "IMAGE", "cat"})...)
	done := make(chan lab.Result)
	go func() {
		done <- r.Try("sh", append([]string{"-c", `exec "$@" <` + in + ` >` + out, "sh"}, ctr...)...)
	}()
	w, err := os.OpenFile(in, os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.WriteString("in\n"); err != nil {
		t.Error(err)
	}
	lab.Eventually(t, "output", func() error {
		if text, err := os.ReadFile(out); err != nil || string(text) != "in\n" {
			return fmt.Errorf("%q, %v", text, err)
		}
		return nil
	})
	// Not before: ctr overlooks an end that it reads before the task is there.
	if err := w.Close(); err != nil {
		t.Error(err)
	}
	is(t, <-done, 0, "")
}

func terminal(t *testing.T, r *Road) {
	script := func(args []string, command string) lab.Result {
		return r.Try("script", "-qec", "ctr "+strings.Join(args, " ")+" sh -c '"+command+"' 2>/dev/null", "/dev/null")
	}
	const command = "[ -t 0 ] && [ -t 1 ] && echo terminal; exit 4"
	got := script(r.runArgs(r.ID(), []string{"--rm", "-t", "IMAGE"}), command)
	if got.Code != 4 || !strings.Contains(got.Stdout, "terminal") {
		t.Errorf("run: %+v", got)
	}
	id := r.Start(t, "sleep", "1000")
	got = script([]string{"task", "exec", "-t", "--exec-id", "x", id}, command)
	if got.Code != 4 || !strings.Contains(got.Stdout, "terminal") {
		t.Errorf("exec: %+v", got)
	}
}

func pause(t *testing.T, r *Road) {
	dir := r.Mkdir("p")
	id := r.Start(t, "--mount", "type=bind,src="+dir+",dst=/v,options=rbind:rw", "IMAGE", "sh", "-c", "while :; do touch /v/f; sleep 0.02; done")
	lab.Eventually(t, "the file", func() error { return os.Remove(dir + "/f") })
	r.Do(t, "task", "pause", id)
	r.Await(t, id, "PAUSED")
	if err := ignoreAbsent(os.Remove(dir + "/f")); err != nil {
		t.Error(err)
	}
	// That nothing happens cannot be waited for: another command takes its time.
	r.State(t, id)
	if _, err := os.Stat(dir + "/f"); err == nil {
		t.Error("the paused container has written")
	}
	r.Do(t, "task", "resume", id)
	lab.Eventually(t, "the file", func() error { return os.Remove(dir + "/f") })
	r.Await(t, id, "RUNNING")
}

func volumes(t *testing.T, r *Road) {
	dir := r.Mkdir("v")
	file := r.Write("content\n", "file")
	is(t, r.Run("--mount", "type=bind,src="+dir+",dst=/v,options=rbind:rw", "--mount", "type=bind,src="+file+",dst=/f,options=rbind:ro", "IMAGE", "sh", "-c",
		"cat /f; echo new >/v/new; touch /f 2>/dev/null || echo read-only"), 0, "content\nread-only\n")
	if text, err := os.ReadFile(dir + "/new"); err != nil || string(text) != "new\n" {
		t.Errorf("on the host: %q, %v", text, err)
	}
}

// The shim works without CAP_SYS_RESOURCE, which the daemon has not to give.
func privileges(t *testing.T, r *Road) {
	id := r.Start(t, "sleep", "1000")
	status, err := harness.ReadStatus(suite.Process(t, r.Shim, id))
	if err != nil {
		t.Fatal(err)
	}
	if slices.Contains(status.Effective.Names(), "CAP_SYS_RESOURCE") {
		t.Errorf("the shim has %v", status.Effective.Names())
	}
	if !slices.Contains(status.Effective.Names(), "CAP_SYS_ADMIN") {
		t.Errorf("it has not even CAP_SYS_ADMIN: %v", status.Effective.Names())
	}
}

// gVisor's shim makes no checkpoints.
func TestCheckpoint(t *testing.T) {
	r := Start(t).GVisor(nil)
	id := r.Start(t, "sleep", "1000")
	if got := r.Ctr("task", "checkpoint", "--image-path", r.Mkdir("image"), id); got.Code == 0 || !strings.Contains(got.Stderr, "not implemented") {
		t.Errorf("%+v", got)
	}
	is(t, r.Exec(id, "echo", "x"), 0, "x\n")
}

// Debian's containerd has runc's shim alone.
func TestDebian(t *testing.T) {
	d := Prepare(t)
	d.program = "/usr/bin/containerd"
	d.Setenv("PATH", filepath.Join(d.Module, "bin")+":/usr/sbin:/usr/bin:/sbin:/bin")
	d.Write(fmt.Sprintf("version = 2\nroot = %q\nstate = %q\ndisabled_plugins = [\"io.containerd.grpc.v1.cri\"]\n[grpc]\n  address = %q\n", d.Path("root"), d.Path("state"), d.Address), "config.toml")
	d.Up(t)
	d.Import(t)
	r := d.Runc()
	r.NoUser = true
	if got := r.Run("true"); got.Code != 0 {
		t.Fatalf("%+v\n%s", got, d.Log())
	}
	lifecycle(t, r)
}
