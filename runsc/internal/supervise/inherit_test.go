package supervise

import (
	"fmt"
	"os"
	"slices"
	"testing"

	"golang.org/x/sys/unix"
)

func upTo(n int) (fds []int) {
	for fd := range n {
		fds = append(fds, fd)
	}
	return fds
}

// A few mounts need no number for which the kernel must grow the table of FDs.
func TestNumber(t *testing.T) {
	for _, c := range []struct {
		mounts, files int
		open          []int
		small         bool
	}{
		{mounts: 0, open: upTo(16), small: true},
		{mounts: 3, open: upTo(16), small: true},
		{mounts: 4, open: upTo(16)},
		{mounts: 100, open: upTo(16)},
		{open: upTo(26)},
		{open: upTo(60)},
		{open: upTo(500)},
		{files: 9, open: upTo(16), small: true},
		{files: 10, open: upTo(16)},
		{files: 200, open: upTo(16)},
	} {
		n := number(Options{Mounts: c.mounts, Files: c.files}, c.open)
		if small := n < 63; small != c.small {
			t.Errorf("%+v: number %d, want a small one: %t", c, n, c.small)
		}
		if n < 2*len(c.open)+5*c.mounts+2*c.files {
			t.Errorf("%+v: number %d is not above what is donated", c, n)
		}
	}
}

// What is moved out of the way of a donated FD, to the numbers above it, does
// not come to the sockets.
func TestNumberAboveOpenFDs(t *testing.T) {
	for fd := range 600 {
		open := append(upTo(10), fd)
		n := number(Options{Mounts: 1}, open)
		if fd <= n+1 && fd+10+12+5 > n {
			t.Errorf("with FD %d open, the sockets get the numbers from %d on", fd, n)
		}
		if (fd < 20 || fd > 63) && n != 62 {
			t.Errorf("with FD %d open, which is not near the lowest number, it is %d", fd, n)
		}
	}
}

// The socket comes through at a small number too, below which the process's
// other FDs are.
func TestSmallNumber(t *testing.T) {
	said := make(chan Process, 1)
	c, err := Start(Options{OnHello: func(p Process) Answer { said <- p; return Answer{} }})
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

// Under a low limit the sockets get the highest numbers that are free.
func TestInheritableUnderALimit(t *testing.T) {
	var old unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &old); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = unix.Setrlimit(unix.RLIMIT_NOFILE, &old) })
	if err := unix.Setrlimit(unix.RLIMIT_NOFILE, &unix.Rlimit{Cur: 256, Max: old.Max}); err != nil {
		t.Fatal(err)
	}
	for _, number := range []int{254, 256, 1000} {
		for range 3 {
			open, err := openFDs()
			if err != nil {
				t.Fatal(err)
			}
			want := 255
			for slices.Contains(open, want) {
				want--
			}
			n, err := inheritable(unix.Stdin, number)
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { unix.Close(n) })
			if n != want && (n < number || slices.Contains(open, n)) {
				t.Errorf("from %d on it is %d, want %d", number, n, want)
			}
		}
	}
}

// The process frees that number at once.
func TestJoinMovesDown(t *testing.T) {
	_, cmd, _ := supervised(t, "wait sandbox", "")
	for fd := 64; fd < 512; fd++ {
		if to, err := os.Readlink(fmt.Sprintf("/proc/%d/fd/%d", cmd.Process.Pid, fd)); err == nil {
			t.Errorf("FD %d is %s", fd, to)
		}
	}
}
