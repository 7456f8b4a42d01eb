package packet

import (
	"context"
	"errors"
	"io"
	"net"
	"os"
	"testing"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

func pair(t *testing.T) (a, b *net.UnixConn) {
	t.Helper()
	fa, fb, err := Pair()
	if err != nil {
		t.Fatal(err)
	}
	for f, c := range map[*os.File]**net.UnixConn{fa: &a, fb: &b} {
		if *c, err = Conn(f); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { (*c).Close() })
	}
	return a, b
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
	before := count()
	t.Cleanup(func() {
		if after := count(); after > before {
			t.Errorf("%d FDs are open, %d were before", after, before)
		}
	})
}

func files(t *testing.T, n int) (all []*os.File) {
	for range n {
		f, err := os.Open(os.DevNull)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { f.Close() })
		all = append(all, f)
	}
	return all
}

func TestMessage(t *testing.T) {
	openFDs(t)
	a, b := pair(t)
	if err := Send(a, []byte("one"), files(t, 2)...); err != nil {
		t.Fatal(err)
	}
	if err := Send(a, []byte("two")); err != nil {
		t.Fatal(err)
	}
	data, got, err := Receive(b, 3, 4)
	if err != nil || string(data) != "one" || len(got) != 2 {
		t.Fatalf("%q with %d files, %v", data, len(got), err)
	}
	defer Close(got)
	if flags, err := unix.FcntlInt(got[0].Fd(), unix.F_GETFD, 0); err != nil || flags&unix.FD_CLOEXEC == 0 {
		t.Errorf("the file's flags are %#x, %v", flags, err)
	}
	if data, got, err := Receive(b, 3, 4); err != nil || string(data) != "two" || len(got) != 0 {
		t.Errorf("%q with %d files, %v", data, len(got), err)
	}
	a.Close()
	if _, _, err := Receive(b, 3, 4); err != io.EOF {
		t.Errorf("at the end: %v", err)
	}
}

// send sends a message that may be empty, unlike WriteMsgUnix.
func send(t *testing.T, c *net.UnixConn, data, oob []byte) {
	t.Helper()
	raw, err := c.SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	h := unix.Msghdr{Control: &oob[0]}
	h.SetControllen(len(oob))
	if len(data) > 0 {
		vec := unix.Iovec{Base: &data[0]}
		vec.SetLen(len(data))
		h.Iov = &vec
		h.SetIovlen(1)
	}
	err = raw.Write(func(fd uintptr) bool {
		if _, _, errno := unix.Syscall(unix.SYS_SENDMSG, fd, uintptr(unsafe.Pointer(&h)), 0); errno != 0 {
			t.Fatal(errno)
		}
		return true
	})
	if err != nil {
		t.Fatal(err)
	}
}

// What does not fit leaves no FD behind.
func TestRefused(t *testing.T) {
	for name, test := range map[string]struct {
		data  string
		files int
		want  error
	}{
		"too long":            {"12345", 1, ErrTooLong},
		"too many files":      {"1234", 5, ErrTooLong},
		"empty, with a file":  {"", 1, io.EOF},
		"very many files":     {"1234", 250, ErrTooLong},
		"too much of it all":  {"12345", 250, ErrTooLong},
		"empty, with several": {"", 250, io.EOF},
	} {
		t.Run(name, func(t *testing.T) {
			openFDs(t)
			a, b := pair(t)
			var fds []int
			for _, f := range files(t, test.files) {
				fds = append(fds, int(f.Fd()))
			}
			send(t, a, []byte(test.data), unix.UnixRights(fds...))
			if data, files, err := Receive(b, 4, 4); !errors.Is(err, test.want) || data != nil || files != nil {
				t.Errorf("%q with %d files, %v; want %v", data, len(files), err, test.want)
			}
		})
	}
}

// Where no files may come, none arrives.
func TestUnexpectedFile(t *testing.T) {
	openFDs(t)
	a, b := pair(t)
	if err := Send(a, []byte("1234"), files(t, 1)...); err != nil {
		t.Fatal(err)
	}
	if data, files, err := Receive(b, 4, 0); !errors.Is(err, ErrTooLong) || data != nil || files != nil {
		t.Errorf("%q with %d files, %v", data, len(files), err)
	}
}

func TestSendNothing(t *testing.T) {
	a, _ := pair(t)
	if err := Send(a, nil); err == nil {
		t.Error("an empty message was sent")
	}
}

// A peer that closes the connection without having read everything has still
// said what it said.
func TestLastWords(t *testing.T) {
	a, b := pair(t)
	if err := Send(b, []byte("unread")); err != nil {
		t.Fatal(err)
	}
	if err := Send(a, []byte("last")); err != nil {
		t.Fatal(err)
	}
	a.Close()
	if data, _, err := Receive(b, 10, 4); err != nil || string(data) != "last" {
		t.Errorf("%q, %v", data, err)
	}
}

func TestBound(t *testing.T) {
	a, b := pair(t)
	ctx, cancel := context.WithCancel(t.Context())
	stop := Bound(ctx, b)
	cancel()
	if _, _, err := Receive(b, 1, 4); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("after the context: %v", err)
	}
	stop()

	ctx, cancel = context.WithDeadline(t.Context(), time.Unix(1, 0))
	defer cancel()
	stop = Bound(ctx, a)
	if _, _, err := Receive(a, 1, 4); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("after the deadline: %v", err)
	}
	stop()
}

func TestConn(t *testing.T) {
	openFDs(t)
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	for _, fd := range fds {
		if _, err := Conn(os.NewFile(uintptr(fd), "stream")); err == nil {
			t.Error("a socket of another type is a connection")
		}
	}
	if _, err := Conn(files(t, 1)[0]); err == nil {
		t.Error("a file is a connection")
	}
}
