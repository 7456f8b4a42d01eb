package suite

import (
	"os"
	"strings"
	"testing"

	"github.com/directfs/runsc/runsc/internal/clients/lab"
)

// All are the tests, with engines that the function makes.
func All(t *testing.T, engine func(testing.TB) *Engine) {
	for name, test := range map[string]func(*testing.T, *Engine){
		"Run": run, "Exec": execute, "Logs": logs, "Kill": kill, "Volumes": volumes,
		"Restart": restart, "Remove": remove, "Terminal": terminal, "Refused": refused,
		"Many": many, "KillSandbox": killSandbox, "KillGofer": killGofer, "KillKeeper": killKeeper,
		"Verify": verify, "RootfsOverlay": rootfsOverlay,
	} {
		t.Run(name, func(t *testing.T) {
			e := engine(t)
			// The engine has run a container: what it makes once is there.
			lab.Leaks(t, e.Own, e.StateRoot, e.Path("tmp"))
			test(t, e)
		})
	}
}

// is fails the test if a command ended or wrote otherwise.
func is(t *testing.T, r lab.Result, code int, stdout string) {
	t.Helper()
	if r.Code != code || r.Stdout != stdout {
		t.Errorf("exit status %d, stdout %q, stderr %q; want %d, %q", r.Code, r.Stdout, r.Stderr, code, stdout)
	}
}

func run(t *testing.T, e *Engine) {
	is(t, e.Run("echo", "hello"), 0, "hello\n")
	is(t, e.Run("sh", "-c", "exit 7"), 7, "")
	is(t, e.Run("sh", "-c", "kill -TERM $$"), 143, "")
	is(t, e.Run("-e", "A=b", "-w", "/tmp", "-u", "5:6", "IMAGE", "sh", "-c", "echo $A $PWD; id -u; id -g"), 0, "b /tmp\n5\n6\n")
	cat := e.Client
	cat = append(append([]string{}, cat...), e.runArgs(false, []string{"--rm", "-i", "IMAGE", "cat"})...)
	is(t, e.Try("sh", append([]string{"-c", `echo in | "$@"`, "sh"}, cat...)...), 0, "in\n")
	for command, code := range map[string]int{"/no/such": e.NoSuchCommand, "/etc": 126} {
		if r := e.Run(command); r.Code != code || !strings.Contains(r.Stderr, command) {
			t.Errorf("%s: exit status %d, want %d; stderr %q", command, r.Code, code, r.Stderr)
		}
	}
}

func execute(t *testing.T, e *Engine) {
	id := e.Start(t, "sleep", "1000")
	is(t, e.Ask("exec", id, "echo", "hello"), 0, "hello\n")
	is(t, e.Ask("exec", id, "sh", "-c", "echo err >&2; exit 5"), 5, "")
	is(t, e.Ask("exec", "-u", "5", "-w", "/tmp", "-e", "A=b", id, "sh", "-c", "id -u; pwd; echo $A"), 0, "5\n/tmp\nb\n")
	if r := e.Ask("exec", id, "/no/such"); r.Code != 127 && r.Code != 126 {
		t.Errorf("a command that is not there: %+v", r)
	}
	e.Do(t, "exec", "-d", id, "sh", "-c", "echo later >/tmp/later")
	lab.Eventually(t, "a command in the background", func() error {
		_, err := os.Stat("/") // the container alone can tell
		if r := e.Ask("exec", id, "cat", "/tmp/later"); r.Stdout != "later\n" {
			return os.ErrNotExist
		}
		return err
	})
}

func logs(t *testing.T, e *Engine) {
	id := e.Start(t, "sh", "-c", "echo out; echo err >&2; exec sleep 1000")
	lab.Eventually(t, "both lines", func() error {
		if r := e.Ask("logs", id); r.Stdout != "out\n" || r.Stderr != "err\n" {
			return os.ErrNotExist
		}
		return nil
	})
	// What a container writes is there after its end, up to the last line.
	id = e.Start(t, "sh", "-c", "i=0; while [ $i -lt 2000 ]; do echo $i; i=$((i+1)); done")
	e.Do(t, "wait", id)
	if lines := strings.Split(e.Do(t, "logs", id), "\n"); len(lines) != 2000 || lines[1999] != "1999" {
		t.Errorf("%d lines, the last is %q", len(lines), lines[len(lines)-1])
	}
}

func kill(t *testing.T, e *Engine) {
	const script = "trap 'exit 3' USR1; echo ready; while :; do sleep 0.05; done"
	for signal, code := range map[string]string{"USR1": "3", "KILL": "137"} {
		id := e.Start(t, "sh", "-c", script)
		lab.Eventually(t, "the handler", func() error {
			if e.Ask("logs", id).Stdout != "ready\n" {
				return os.ErrNotExist
			}
			return nil
		})
		e.Do(t, "kill", "-s", signal, id)
		if got := e.Do(t, "wait", id); got != code {
			t.Errorf("%s: exit code %s, want %s", signal, got, code)
		}
		e.Do(t, "rm", id)
	}
}

func volumes(t *testing.T, e *Engine) {
	dir := e.Mkdir("v")
	file := e.Write("content\n", "file")
	is(t, e.Run("-v", dir+":/v", "-v", file+":/f:ro", "--tmpfs", "/t", "IMAGE", "sh", "-c",
		"cat /f; echo new >/v/new; touch /t/x; touch /f 2>/dev/null || echo read-only"), 0, "content\nread-only\n")
	if text, err := os.ReadFile(dir + "/new"); err != nil || string(text) != "new\n" {
		t.Errorf("on the host: %q, %v", text, err)
	}
	is(t, e.Run("--mount", "type=bind,source="+dir+",target=/v,readonly", "IMAGE", "sh", "-c",
		"cat /v/new; touch /v/x 2>/dev/null || echo read-only"), 0, "new\nread-only\n")
	// A volume outlives its containers.
	is(t, e.Run("-v", "kept:/v", "IMAGE", "sh", "-c", "echo kept >/v/f"), 0, "")
	is(t, e.Run("-v", "kept:/v", "IMAGE", "cat", "/v/f"), 0, "kept\n")
	e.Do(t, "volume", "rm", "kept")
}

func terminal(t *testing.T, e *Engine) {
	command := append(append([]string{}, e.Client...), e.runArgs(false, []string{"--rm", "-it", "IMAGE", "sh", "-c", "[ -t 0 ] && [ -t 1 ] && echo terminal; exit 4"})...)
	r := e.Try("script", "-qec", strings.Join(command[:len(command)-1], " ")+" '"+command[len(command)-1]+"'", "/dev/null")
	if r.Code != 4 || !strings.Contains(r.Stdout, "terminal") {
		t.Errorf("%+v", r)
	}
}
