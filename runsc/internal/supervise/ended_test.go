package supervise

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

const enough = 10 * time.Second

// committed starts a process that nobody supervises any more, and holds it. It
// panics when goOn is called.
func committed(t *testing.T, role string, stderr *os.File) (h *Held, cmd *exec.Cmd, goOn func()) {
	t.Helper()
	in, out := pipe(t), pipe(t)
	c, cmd, p := supervised(t, role, "", func(cmd *exec.Cmd) {
		cmd.Stdin, cmd.Stdout = in[0], out[1]
		if stderr != nil {
			cmd.Stderr = stderr
		}
	})
	// It has its answer.
	if _, err := out[0].Read(make([]byte, 1)); err != nil {
		t.Fatal(err)
	}
	c.Commit()
	h = Hold(known, p)
	t.Cleanup(h.Close)
	if got := h.Reasons(0); got != nil {
		t.Errorf("while it runs: %q", got)
	}
	return h, cmd, func() { in[0].Close(); in[1].Close() }
}

func pipe(t *testing.T) [2]*os.File {
	t.Helper()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.Close(); w.Close() })
	return [2]*os.File{r, w}
}

func expectReason(t *testing.T, h *Held, format string, args ...any) {
	t.Helper()
	if got, want := h.Reasons(enough), fmt.Sprintf(format, args...); len(got) != 1 || got[0] != want {
		t.Errorf("%q, want %q", got, want)
	}
}

// Of a process that is killed it is said by what, whether its parent has asked
// for that or not.
func TestHeldIsKilled(t *testing.T) {
	h, cmd, _ := committed(t, "late sandbox", nil)
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	expectReason(t, h, "sandbox process (PID %d) was killed by SIGKILL", cmd.Process.Pid)
	_ = cmd.Wait()
	if _, ok := pidfdStatus(h.all[0].pidfd); !ok && kernelAtLeast(t, 6, 15) {
		t.Error("the pidfd does not tell the status")
	} else if ok {
		expectReason(t, h, "sandbox process (PID %d) was killed by SIGKILL", cmd.Process.Pid)
	} else {
		expectReason(t, h, "sandbox process (PID %d) has ended", cmd.Process.Pid)
	}
	gone := Hold(known, Process{Sandbox, cmd.Process.Pid}, Process{Gofer, 0})
	defer gone.Close()
	expectReason(t, gone, "sandbox process (PID %d) has ended", cmd.Process.Pid)
}

func kernelAtLeast(t *testing.T, major, minor int) bool {
	t.Helper()
	var u unix.Utsname
	if err := unix.Uname(&u); err != nil {
		t.Fatal(err)
	}
	var a, b int
	if _, err := fmt.Sscanf(unix.ByteSliceToString(u.Release[:]), "%d.%d", &a, &b); err != nil {
		t.Fatal(err)
	}
	return a > major || a == major && b >= minor
}

// What a process says after the client is gone is kept, or it is said where. Of
// one that writes its log there nothing is kept.
func TestHeldSaysWhy(t *testing.T) {
	log, err := os.Create(filepath.Join(t.TempDir(), "log"))
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close()
	for _, c := range []struct {
		role   string
		stderr *os.File
		want   string
	}{
		{"late gofer", nil, ": panic: lost its way"},
		{"late gofer", log, "; it writes to " + log.Name()},
		{"logs gofer", nil, ""},
	} {
		h, cmd, goOn := committed(t, c.role, c.stderr)
		goOn()
		_ = cmd.Wait()
		how := "exited with status 2"
		if _, ok := pidfdStatus(h.all[0].pidfd); !ok {
			how = "has ended"
		}
		expectReason(t, h, "gofer process (PID %d) %s%s", cmd.Process.Pid, how, c.want)
	}
}

// A gofer ends when its sandbox does, which is no reason of its own.
func TestHeldEndsInPeace(t *testing.T) {
	for _, kind := range []Kind{Gofer, Sandbox} {
		cmd := exec.Command("/bin/sh", "-c", "read x")
		in, err := cmd.StdinPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		h := Hold(known, Process{kind, cmd.Process.Pid})
		defer h.Close()
		if _, err := in.Write([]byte("\n")); err != nil {
			t.Fatal(err)
		}
		readable(h.all[0].pidfd, enough)
		var want []string
		if kind == Sandbox {
			want = []string{fmt.Sprintf("sandbox process (PID %d) exited with status 0", cmd.Process.Pid)}
		}
		if got := h.Reasons(0); !slices.Equal(got, want) {
			t.Errorf("%s: %q, want %q", kind, got, want)
		}
		_ = cmd.Wait()
	}
}

// What is kept of a process is as much as fits, and it may say more.
func TestWordsAreBounded(t *testing.T) {
	null, err := unix.Open(os.DevNull, unix.O_RDWR|unix.O_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(null)
	if err := replaceNull(null); err != nil {
		t.Fatal(err)
	}
	var said int
	for err == nil {
		var n int
		n, err = unix.Write(null, []byte("word "))
		said += max(n, 0)
	}
	if err != unix.EPERM || said > maxPacket {
		t.Errorf("%d bytes are kept, %v", said, err)
	}
	if err := unix.Ftruncate(null, 1<<20); err != unix.EPERM {
		t.Errorf("growing: %v", err)
	}
	if got, _ := words(null); len(got) != said || len(reason(nil, got)) > maxReason+10 {
		t.Errorf("%d bytes are read", len(got))
	}
	// What is no /dev/null stays.
	if err := replaceNull(null); err != nil {
		t.Fatal(err)
	}
	if got, _ := words(null); len(got) == 0 {
		t.Error("the words are gone")
	}
}

// known is for processes whose PIDs nobody else has.
func known(int) bool { return false }

// A signal without a name is one all the same.
func TestHeldIsKilledByRealTimeSignal(t *testing.T) {
	cmd := exec.Command("/bin/sleep", "1000")
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
	h := Hold(known, Process{Sandbox, cmd.Process.Pid})
	defer h.Close()
	if err := cmd.Process.Signal(unix.Signal(40)); err != nil {
		t.Fatal(err)
	}
	expectReason(t, h, "sandbox process (PID %d) was killed by signal 40", cmd.Process.Pid)
}

// Nothing is said of a stranger who has the PID, whose stderr is not touched.
func TestHoldLeavesStrangers(t *testing.T) {
	cmd := exec.Command("/bin/sleep", "1000")
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
	h := Hold(func(pid int) bool { return pid == cmd.Process.Pid }, Process{Sandbox, cmd.Process.Pid})
	defer h.Close()
	if h.all[0].pidfd >= 0 || h.all[0].stderr >= 0 {
		t.Errorf("it is held: %+v", h.all[0])
	}
	expectReason(t, h, "sandbox process (PID %d) has ended", cmd.Process.Pid)
}
