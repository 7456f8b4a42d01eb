package supervise

import (
	"testing"

	"golang.org/x/sys/unix"
)

// A few mounts need no number for which the kernel must grow the table of FDs.
func TestNumber(t *testing.T) {
	for _, c := range []struct {
		mounts, open int
		small        bool
	}{
		{0, 16, true}, {3, 16, true}, {4, 16, false}, {100, 16, false}, {0, 26, false}, {0, 60, false},
	} {
		n := number(c.mounts, c.open)
		if small := n < 63; small != c.small {
			t.Errorf("%d mounts, %d open FDs: number %d, want a small one: %t", c.mounts, c.open, n, c.small)
		}
		if n+1 >= 64 && n <= c.open+6*c.mounts {
			t.Errorf("%d mounts, %d open FDs: number %d is not above what is donated", c.mounts, c.open, n)
		}
	}
}

// The socket comes through at a small number too, below which the process's
// other FDs are.
func TestSmallNumber(t *testing.T) {
	said := make(chan Process, 1)
	c, err := Start(Options{OnHello: func(p Process) []byte { said <- p; return nil }})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	for _, e := range c.ends {
		if e.inherited >= 64 {
			t.Errorf("the %s process's socket is number %d", e.kind, e.inherited)
		}
	}
	cmd := start(t, "wait sandbox")
	if p := <-said; p.Kind != Sandbox || p.PID != cmd.Process.Pid {
		t.Errorf("%+v said hello, PID %d", p, cmd.Process.Pid)
	}
	if err := unix.Kill(cmd.Process.Pid, 0); err != nil {
		t.Error(err)
	}
}
