package handoff

import (
	"context"
	"errors"
	"net"
	"os"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// fails fails the test unless the error is of that kind, and says that, and
// names the daemon and the volume.
func fails(t *testing.T, err error, a Address, kind Kind, text string) {
	t.Helper()
	var e *Error
	switch {
	case !errors.As(err, &e):
		t.Fatalf("the error is %v", err)
	case e.Kind != kind || !strings.Contains(e.Text, text):
		t.Errorf("the error is of kind %s: %s; want %s: %s", e.Kind, e.Text, kind, text)
	case e.Daemon != a || e.Volume != plain.Volume:
		t.Errorf("the error is about the volume %q of %v", e.Volume, e.Daemon)
	case !strings.Contains(err.Error(), a.Path()) || !strings.Contains(err.Error(), plain.Volume):
		t.Errorf("the error is %v", err)
	}
}

func TestAsk(t *testing.T) {
	openFDs(t)
	asked := plain
	asked.ReadOnly, asked.Exclusive = true, true
	got := make(chan Incoming, 1)
	a := daemon(t, func(in Incoming) (Reply, *os.File) {
		got <- in
		return Reply{Info: Info{DonatesRoot: true}}, nil
	})
	info, err := Ask(within(t), a, asked)
	if err != nil || info != (Info{DonatesRoot: true}) {
		t.Errorf("%+v, %v", info, err)
	}
	if in := <-got; in != (Incoming{Header: Header{Operation: OpAsk, Request: asked}}) {
		t.Errorf("the daemon was asked %+v", in)
	}
}

func TestAttach(t *testing.T) {
	openFDs(t)
	ends := sockets(t, unix.SOCK_STREAM)
	a := daemon(t, func(in Incoming) (Reply, *os.File) {
		defer in.Socket.Close()
		if _, err := in.Socket.WriteString("served"); err != nil {
			t.Error(err)
		}
		return Reply{}, nil
	})
	if err := Attach(within(t), a, plain, ends[0]); err != nil {
		t.Fatal(err)
	}
	text := make([]byte, 10)
	if n, err := ends[1].Read(text); err != nil || string(text[:n]) != "served" {
		t.Errorf("%q, %v", text[:n], err)
	}
}

// One process connects, and another one uses the connection.
func TestNewConn(t *testing.T) {
	openFDs(t)
	a := daemon(t, func(Incoming) (Reply, *os.File) { return Reply{Info: Info{ReadOnly: true}}, nil })
	first, err := Connect(within(t), a)
	if err != nil {
		t.Fatal(err)
	}
	f, err := first.File()
	if err != nil {
		t.Fatal(err)
	}
	first.Close()
	c, err := NewConn(a, f)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if info, err := c.Ask(within(t), plain); err != nil || !info.ReadOnly {
		t.Errorf("%+v, %v", info, err)
	}
	if _, err := NewConn(a, sockets(t, unix.SOCK_STREAM)[0]); err == nil {
		t.Error("a socket of another type is a connection")
	}
}

func TestAttachRoot(t *testing.T) {
	openFDs(t)
	dir := t.TempDir()
	if err := os.WriteFile(dir+"/here", nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for name, flags := range map[string]int{"for reading": unix.O_RDONLY, "as a path": unix.O_PATH} {
		t.Run(name, func(t *testing.T) {
			root, err := os.OpenFile(dir, flags, 0)
			if err != nil {
				t.Fatal(err)
			}
			defer root.Close()
			a := daemon(t, func(in Incoming) (Reply, *os.File) { return Reply{Info: Info{DonatesRoot: true}}, root })
			got, c, err := AttachRoot(within(t), a, plain)
			if err != nil {
				t.Fatal(err)
			}
			defer c.Close()
			defer got.Close()
			if err := unix.Faccessat(int(got.Fd()), "here", unix.F_OK, 0); err != nil {
				t.Error(err)
			}
		})
	}
}

// What a daemon answers that it should not.
func TestBadReply(t *testing.T) {
	dir, file := open(t, t.TempDir()), open(t, "/proc/self/exe")
	ask := func(ctx context.Context, a Address) error { _, err := Ask(ctx, a, plain); return err }
	root := func(ctx context.Context, a Address) error { _, _, err := AttachRoot(ctx, a, plain); return err }
	for name, test := range map[string]struct {
		message string
		files   []*os.File
		do      func(context.Context, Address) error
		kind    Kind
		text    string
	}{
		"garbage":          {"hello", nil, ask, Malformed, "message"},
		"later version":    {`{"version":2,"quota":1}`, nil, ask, WrongVersion, "version 2 of the hand-off protocol, this one version 1"},
		"unknown field":    {`{"version":1,"quota":1}`, nil, ask, Malformed, "quota"},
		"too long":         {strings.Repeat(" ", MaxMessage+1), nil, ask, Malformed, "65536 bytes"},
		"a file":           {`{"version":1}`, []*os.File{dir}, ask, Malformed, "files that nobody asked for"},
		"refusal and file": {`{"version":1,"refusal":"refused","text":"no"}`, []*os.File{dir}, root, Refused, "no"},
		"refusal":          {`{"version":1,"refusal":"unknown-volume","text":"no\n\u001b]0;x"}`, nil, root, UnknownVolume, "no��]0;x"},
		"no root":          {`{"version":1}`, nil, root, Malformed, "0 files"},
		"two roots":        {`{"version":1}`, []*os.File{dir, dir}, root, Malformed, "2 files"},
		"root is a file":   {`{"version":1}`, []*os.File{file}, root, Malformed, "no directory"},
	} {
		t.Run(name, func(t *testing.T) {
			openFDs(t)
			a := raw(t, test.message, test.files...)
			fails(t, test.do(within(t), a), a, test.kind, test.text)
		})
	}
}

func open(t *testing.T, name string) *os.File {
	t.Helper()
	f, err := os.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	return f
}

func TestDaemonHangsUp(t *testing.T) {
	a := socketPath(t)
	listen(t, a, func(ctx context.Context, c *net.UnixConn) {})
	_, err := Ask(within(t), a, plain)
	fails(t, err, a, Unavailable, "closed the connection without an answer")
}

// A daemon may refuse a client before it has read anything.
func TestRefusedUnread(t *testing.T) {
	a := socketPath(t)
	listen(t, a, func(ctx context.Context, c *net.UnixConn) {
		_ = Reply{Refusal: Refused, Text: "not you"}.Send(ctx, c, nil)
	})
	for range 50 { // it depends on the moment whether the request can be sent
		_, err := Ask(within(t), a, plain)
		fails(t, err, a, Refused, "not you")
	}
}

func TestDaemonHangs(t *testing.T) {
	openFDs(t)
	a, silent := socketPath(t), make(chan struct{})
	listen(t, a, func(ctx context.Context, c *net.UnixConn) { <-silent })
	defer close(silent)

	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	_, err := Ask(ctx, a, plain)
	fails(t, err, a, Unavailable, "deadline")
	if !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("%v", err)
	}

	ctx, cancel = context.WithCancel(t.Context())
	time.AfterFunc(time.Millisecond, cancel)
	_, err = Ask(ctx, a, plain)
	if !errors.Is(err, context.Canceled) {
		t.Errorf("canceled: %v", err)
	}
}

func TestInvalidRequest(t *testing.T) {
	a := daemon(t, func(Incoming) (Reply, *os.File) { return Reply{}, nil })
	r := plain
	r.Mount = "data"
	_, err := Ask(within(t), a, r)
	fails(t, err, a, Malformed, "absolute")
}
