package handoff

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"

	"github.com/directfs/runsc/pkg/volume/internal/packet"
	"golang.org/x/sys/unix"
)

// Incoming is a request as a daemon receives it.
type Incoming struct {
	Header

	// Socket is the server's end of a LisaFS connection, for OpAttach without
	// Root, and otherwise nil. It is the receiver's to close.
	Socket *os.File
}

// Receive returns the request that comes by a connection. Errors are *Error, for
// which [Refuse] makes the reply, or io.EOF and others where there is nobody to
// reply to. All files that came are closed then.
func Receive(ctx context.Context, c *net.UnixConn) (Incoming, error) {
	defer packet.Bound(ctx, c)()
	message, files, err := packet.Receive(c, MaxMessage, 1)
	if errors.Is(err, packet.ErrTooLong) {
		return Incoming{}, &Error{Kind: Malformed, Text: fmt.Sprintf("the request is longer than %d bytes, or has too many files", MaxMessage)}
	}
	if err != nil {
		return Incoming{}, err
	}
	r, err := incoming(message, files)
	if err != nil {
		packet.Close(files)
	}
	return r, err
}

func incoming(message []byte, files []*os.File) (Incoming, error) {
	h, err := DecodeHeader(message)
	if err != nil {
		kind := Malformed
		if v := (*VersionError)(nil); errors.As(err, &v) {
			kind = WrongVersion
		}
		return Incoming{}, &Error{Kind: kind, Text: text(err.Error()), err: err}
	}
	want := 0
	if h.Operation == OpAttach && !h.Root {
		want = 1
	}
	if len(files) != want {
		return Incoming{}, &Error{Kind: Malformed, Text: fmt.Sprintf("the request has %d files, it must have %d", len(files), want)}
	}
	if want == 0 {
		return Incoming{Header: h}, nil
	}
	if err := checkStream(files[0]); err != nil {
		return Incoming{}, &Error{Kind: Malformed, Text: "the file beside the request: " + err.Error()}
	}
	return Incoming{h, files[0]}, nil
}

// checkStream refuses what is no unix socket of type SOCK_STREAM that is
// connected.
func checkStream(f *os.File) error {
	raw, err := f.SyscallConn()
	if err != nil {
		return err
	}
	var inner error
	err = raw.Control(func(number uintptr) {
		fd := int(number)
		domain, domainErr := unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_DOMAIN)
		kind, kindErr := unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_TYPE)
		switch {
		case domainErr != nil || kindErr != nil:
			inner = errors.New("it is no socket")
		case domain != unix.AF_UNIX || kind != unix.SOCK_STREAM:
			inner = errors.New("it is no unix socket of type SOCK_STREAM")
		default:
			if _, err := unix.Getpeername(fd); err != nil {
				inner = errors.New("the socket is not connected")
			}
		}
	})
	return errors.Join(err, inner)
}

// Send sends the reply, and with it the root, unless nil, which stays the
// caller's.
func (r Reply) Send(ctx context.Context, c *net.UnixConn, root *os.File) error {
	message, err := r.Encode()
	if err != nil {
		return err
	}
	defer packet.Bound(ctx, c)()
	if root == nil {
		return packet.Send(c, message)
	}
	return packet.Send(c, message, root)
}

// Refuse makes the reply to a request that has failed: that of an *Error, or
// Unavailable.
func Refuse(err error) Reply {
	var e *Error
	if errors.As(err, &e) {
		return Reply{Refusal: e.Kind, Text: e.Text}
	}
	return Reply{Refusal: Unavailable, Text: err.Error()}
}

// CheckPeer refuses a client that is run by another user than those allowed. The
// error is an *Error.
func CheckPeer(c *net.UnixConn, allowed func(uid uint32) bool) error {
	peer, err := peerOf(c)
	if err != nil {
		return &Error{Kind: Refused, Text: err.Error(), err: err}
	}
	if !allowed(peer.Uid) {
		return &Error{Kind: Refused, Text: fmt.Sprintf("user %d (pid %d) may not use this daemon", peer.Uid, peer.Pid)}
	}
	return nil
}
