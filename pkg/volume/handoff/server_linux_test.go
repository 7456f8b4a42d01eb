package handoff

import (
	"context"
	"errors"
	"net"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/directfs/runsc/pkg/volume/internal/packet"
	"golang.org/x/sys/unix"
)

func asError(err error, e **Error) bool { return errors.As(err, e) }

// conns returns two ends of a connection for messages.
func conns(t *testing.T) (client, server *net.UnixConn) {
	t.Helper()
	a, b, err := packet.Pair()
	do(t, err)
	client, err = packet.Conn(a)
	do(t, err)
	server, err = packet.Conn(b)
	do(t, err)
	t.Cleanup(func() { client.Close(); server.Close() })
	return client, server
}

func encoded(t *testing.T, h Header) string {
	t.Helper()
	message, err := h.Encode()
	do(t, err)
	return string(message)
}

func TestReceiveBad(t *testing.T) {
	ends := sockets(t, unix.SOCK_STREAM)
	packets := sockets(t, unix.SOCK_SEQPACKET)
	file := open(t, os.DevNull)
	tcp, err := net.ListenTCP("tcp", &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)})
	do(t, err)
	defer tcp.Close()
	inet, err := tcp.File()
	do(t, err)
	defer inet.Close()
	fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	do(t, err)
	loose := os.NewFile(uintptr(fd), "socket")
	defer loose.Close()

	ask, attach := encoded(t, Header{OpAsk, plain, false}), encoded(t, Header{OpAttach, plain, false})
	root := encoded(t, Header{OpAttach, plain, true})
	for name, test := range map[string]struct {
		message string
		files   []*os.File
		kind    Kind
		text    string
	}{
		"garbage":                {"\x00\xff", nil, Malformed, "UTF-8"},
		"garbage and a socket":   {"{", ends[:1], Malformed, "message"},
		"later version":          {`{"version":2}`, ends[:1], WrongVersion, "version 2 of the hand-off protocol, this one version 1"},
		"too long":               {strings.Repeat(" ", MaxMessage+1), nil, Malformed, "65536 bytes"},
		"ask with a socket":      {ask, ends[:1], Malformed, "1 files"},
		"attach without":         {attach, nil, Malformed, "0 files"},
		"attach with two":        {attach, ends[:], Malformed, "2 files"},
		"attach with many":       {attach, []*os.File{file, file, file, file, file, file}, Malformed, "too many files"},
		"root with a socket":     {root, ends[:1], Malformed, "1 files"},
		"no socket":              {attach, []*os.File{file}, Malformed, "no socket"},
		"socket of another type": {attach, packets[:1], Malformed, "SOCK_STREAM"},
		"socket of a network":    {attach, []*os.File{inet}, Malformed, "no unix socket"},
		"not connected":          {attach, []*os.File{loose}, Malformed, "not connected"},
	} {
		t.Run(name, func(t *testing.T) {
			openFDs(t)
			client, server := conns(t)
			do(t, packet.Send(client, []byte(test.message), test.files...))
			in, err := Receive(within(t), server)
			var e *Error
			if !errors.As(err, &e) || e.Kind != test.kind || !strings.Contains(e.Text, test.text) || in != (Incoming{}) {
				t.Fatalf("%+v, %v; want %s: %s", in, err, test.kind, test.text)
			}
			if r := Refuse(err); r != (Reply{Refusal: test.kind, Text: e.Text}) {
				t.Errorf("the reply is %+v", r)
			}
		})
	}
}

func TestReceiveNothing(t *testing.T) {
	_, server := conns(t)
	ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
	defer cancel()
	if _, err := Receive(ctx, server); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("%v", err)
	}
}

func TestRefuse(t *testing.T) {
	if r := Refuse(errors.New("no route")); r != (Reply{Refusal: Unavailable, Text: "no route"}) {
		t.Errorf("%+v", r)
	}
}
