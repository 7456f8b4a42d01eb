package supervise

import (
	"fmt"
	"os/exec"
	"slices"
	"testing"
)

// watched starts two processes and watches them.
func watched(t *testing.T) (h *Held, gofer, sandbox *exec.Cmd) {
	t.Helper()
	h = &Held{}
	t.Cleanup(h.Close)
	watch := func(kind Kind) *exec.Cmd {
		cmd := exec.Command("/bin/sleep", "1000")
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
		h.Watch(Process{kind, cmd.Process.Pid})
		return cmd
	}
	return h, watch(Gofer), watch(Sandbox)
}

// endNow kills a process, as the engine does, or another, and waits until that was
// seen. The process is waited for, as its parent may do.
func endNow(t *testing.T, h *Held, cmd *exec.Cmd) {
	t.Helper()
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	for _, p := range h.processes() {
		if p.PID == cmd.Process.Pid {
			<-p.seen.done
		}
	}
	_ = cmd.Wait()
}

// The engine kills the sandbox process and then the gofer, which is no reason.
// One that was killed before is one.
func TestOwnReasons(t *testing.T) {
	for _, c := range []struct {
		name       string
		goferFirst bool
		lost       bool
		want       Kind
	}{
		{"the engine killed both", false, false, ""},
		{"the sandbox process was killed", false, true, Sandbox},
		{"the gofer was killed", true, false, Gofer},
		{"the gofer was killed, and the sandbox process ended", true, true, Gofer},
	} {
		h, gofer, sandbox := watched(t)
		if c.goferFirst {
			endNow(t, h, gofer)
			endNow(t, h, sandbox)
		} else {
			endNow(t, h, sandbox)
			endNow(t, h, gofer)
		}
		var want []string
		if c.want != "" {
			pid := map[Kind]int{Gofer: gofer.Process.Pid, Sandbox: sandbox.Process.Pid}[c.want]
			want = []string{fmt.Sprintf("%s process (PID %d) was killed by SIGKILL", c.want, pid)}
		}
		if got := h.OwnReasons(c.lost); !slices.Equal(got, want) {
			t.Errorf("%s: %q, want %q", c.name, got, want)
		}
	}
}

// A gofer that ends while there is no sandbox process may have been killed by the
// engine.
func TestOwnReasonsOfGoferAlone(t *testing.T) {
	h, gofer, sandbox := watched(t)
	h.all = h.all[:1]
	endNow(t, h, gofer)
	if got := h.OwnReasons(false); got != nil {
		t.Errorf("%q", got)
	}
	// It was killed before the sandbox process said hello.
	h.Watch(Process{Sandbox, sandbox.Process.Pid})
	want := []string{fmt.Sprintf("gofer process (PID %d) was killed by SIGKILL", gofer.Process.Pid)}
	if got := h.OwnReasons(true); !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
}
