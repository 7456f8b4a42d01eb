package handoff

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"syscall"
	"testing"
	"time"

	"github.com/directfs/runsc/pkg/volume/internal/packet"
	"golang.org/x/sys/unix"
)

// roleVariable makes the test program another process than the test: it asks
// the daemon at the address that is its value, and prints the error.
const roleVariable = "HANDOFF_TEST_ASK"

func TestMain(m *testing.M) {
	if address := os.Getenv(roleVariable); address != "" {
		a, err := ParseAddress(address)
		if err == nil {
			_, err = Ask(context.Background(), a, plain)
		}
		fmt.Print(err)
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// askIn asks in a process with the given attributes, and returns its error.
func askIn(t *testing.T, a Address, attr *syscall.SysProcAttr) string {
	t.Helper()
	cmd := exec.Command("/proc/self/exe")
	cmd.Env = append(os.Environ(), roleVariable+"="+a.String(), "GORACE=atexit_sleep_ms=0")
	cmd.SysProcAttr = attr
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	return string(out)
}

// asUser calls f on a thread of another user, and of one group.
func asUser(t *testing.T, uid, gid int, f func() error) error {
	t.Helper()
	result := make(chan error)
	go func() {
		runtime.LockOSThread() // for good: the thread ends
		keep := ^uintptr(0)
		// The raw calls change the thread, and not the process: credentials(7).
		for _, call := range [][4]uintptr{
			{unix.SYS_SETGROUPS, 0, 0, 0},
			{unix.SYS_SETRESGID, keep, uintptr(gid), keep},
			{unix.SYS_SETRESUID, keep, uintptr(uid), keep},
		} {
			if _, _, errno := unix.RawSyscall(call[0], call[1], call[2], call[3]); errno != 0 {
				result <- errno
				return
			}
		}
		result <- f()
	}()
	return <-result
}

func within(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	t.Cleanup(cancel)
	return ctx
}

// socketPath is in a directory that every user can enter.
func socketPath(t *testing.T) Address {
	t.Helper()
	dir, err := os.MkdirTemp("", "handoff")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	return Address{filepath.Join(dir, "s")}
}

// listen runs a daemon that does serve with each connection.
func listen(t *testing.T, a Address, serve func(context.Context, *net.UnixConn)) {
	t.Helper()
	l, err := net.ListenUnix("unixpacket", &net.UnixAddr{Name: a.path, Net: "unixpacket"})
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(a.path, 0o600); err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			c, err := l.AcceptUnix()
			if err != nil {
				return
			}
			ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
			serve(ctx, c)
			cancel()
			c.Close()
		}
	}()
	t.Cleanup(func() { l.Close(); <-done })
}

// daemon runs a daemon that answers each request, and returns where.
func daemon(t *testing.T, answer func(Incoming) (Reply, *os.File)) Address {
	t.Helper()
	a := socketPath(t)
	listen(t, a, func(ctx context.Context, c *net.UnixConn) {
		in, err := Receive(ctx, c)
		if errors.Is(err, io.EOF) {
			return
		}
		var reply Reply
		var root *os.File
		if err == nil {
			reply, root = answer(in)
		} else {
			reply = Refuse(err)
		}
		if err := reply.Send(ctx, c, root); err != nil {
			t.Errorf("sending the reply: %v", err)
		}
	})
	return a
}

// raw runs a daemon that answers with a message of its own.
func raw(t *testing.T, message string, files ...*os.File) Address {
	t.Helper()
	a := socketPath(t)
	listen(t, a, func(ctx context.Context, c *net.UnixConn) {
		if _, err := Receive(ctx, c); err != nil {
			t.Error(err)
		}
		if err := packet.Send(c, []byte(message), files...); err != nil {
			t.Error(err)
		}
	})
	return a
}

// openFDs fails the test if it leaves more FDs open than there were.
func openFDs(t *testing.T) {
	t.Helper()
	count := func() int {
		entries, err := os.ReadDir("/proc/self/fd")
		if err != nil {
			t.Fatal(err)
		}
		return len(entries)
	}
	os.Stdin.SetDeadline(time.Time{}) // the poller has FDs of its own, from its first use on
	before := count()
	t.Cleanup(func() {
		if after := count(); after > before {
			t.Errorf("%d FDs are open, %d were before", after, before)
		}
	})
}

// sockets returns two ends of a connection.
func sockets(t *testing.T, kind int) [2]*os.File {
	t.Helper()
	fds, err := unix.Socketpair(unix.AF_UNIX, kind|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	var files [2]*os.File
	for i, fd := range fds {
		files[i] = os.NewFile(uintptr(fd), "socket")
		t.Cleanup(func() { files[i].Close() })
	}
	return files
}
