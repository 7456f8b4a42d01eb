// Package packet sends and receives messages with files over unix sockets that
// keep the boundaries of messages: SOCK_SEQPACKET, unix(7).
package packet

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// ErrTooLong is for a message with more bytes or files than its receiver takes.
var ErrTooLong = errors.New("message too long")

// Send sends a message. The files stay the caller's.
func Send(c *net.UnixConn, data []byte, files ...*os.File) error {
	if len(data) == 0 {
		return errors.New("an empty message would pass for the end of the connection")
	}
	return withFDs(files, nil, func(fds []int) error {
		var rights []byte
		if len(fds) > 0 {
			rights = unix.UnixRights(fds...)
		}
		_, _, err := c.WriteMsgUnix(data, rights, nil)
		return err
	})
}

// withFDs calls f with the numbers of all files, which stay open meanwhile.
// (File.Fd would make them blocking, for whoever else holds them too.)
func withFDs(files []*os.File, fds []int, f func([]int) error) error {
	if len(files) == 0 {
		return f(fds)
	}
	raw, err := files[0].SyscallConn()
	if err != nil {
		return err
	}
	var inner error
	err = raw.Control(func(fd uintptr) { inner = withFDs(files[1:], append(fds, int(fd)), f) })
	return errors.Join(err, inner)
}

// Receive returns a message of at most limit bytes, which may come with some
// files. The files are the caller's to close, and there are none on error. The end
// of the connection is io.EOF.
//
// Where no files may come, the kernel drops those that do. To close a file of
// somebody else can take as long as he likes: fuse_flush in fs/fuse/file.c.
func Receive(c *net.UnixConn, limit, files int) ([]byte, []*os.File, error) {
	data := make([]byte, limit)
	var oob []byte
	if files > 0 {
		oob = make([]byte, unix.CmsgSpace(files*4))
	}
	n, oobn, flags, _, err := c.ReadMsgUnix(data, oob) // sets MSG_CMSG_CLOEXEC
	if errors.Is(err, unix.ECONNRESET) {
		// Said once, if the peer left something unread, and before what it sent.
		n, oobn, flags, _, err = c.ReadMsgUnix(data, oob)
	}
	got, rightsErr := received(oob[:oobn])
	switch {
	case err == nil && rightsErr != nil:
		err = fmt.Errorf("what came beside the message: %w", rightsErr)
	case err == nil && flags&(unix.MSG_TRUNC|unix.MSG_CTRUNC) != 0:
		err = ErrTooLong
	case errors.Is(err, io.EOF):
		err = io.EOF
	}
	if err != nil {
		Close(got)
		return nil, nil, err
	}
	return data[:n], got, nil
}

// received takes over all files, whatever else is wrong with the control
// messages.
func received(oob []byte) (files []*os.File, err error) {
	messages, err := unix.ParseSocketControlMessage(oob)
	for _, m := range messages {
		fds, fdErr := unix.ParseUnixRights(&m)
		if fdErr != nil {
			err = fdErr
			continue
		}
		for _, fd := range fds {
			files = append(files, os.NewFile(uintptr(fd), "received"))
		}
	}
	return files, err
}

// Close closes all files.
func Close(files []*os.File) {
	for _, f := range files {
		f.Close()
	}
}

// Bound lets what is read from and written to c end when ctx does, until stop is
// called. It then fails with os.ErrDeadlineExceeded.
func Bound(ctx context.Context, c *net.UnixConn) (stop func()) {
	if deadline, ok := ctx.Deadline(); ok {
		_ = c.SetDeadline(deadline)
	}
	done := make(chan struct{})
	stopped := context.AfterFunc(ctx, func() {
		defer close(done)
		_ = c.SetDeadline(time.Unix(1, 0))
	})
	return func() {
		if !stopped() {
			<-done // or it would end what the caller does next
		}
		_ = c.SetDeadline(time.Time{})
	}
}

// Conn makes a connection of a file, which it closes.
func Conn(f *os.File) (*net.UnixConn, error) {
	defer f.Close()
	c, err := net.FileConn(f)
	if err != nil {
		return nil, err
	}
	u, ok := c.(*net.UnixConn)
	if !ok || u.LocalAddr().Network() != "unixpacket" {
		c.Close()
		return nil, errors.New("not a unix socket of type SOCK_SEQPACKET")
	}
	return u, nil
}

// Pair returns two sockets that are connected to each other.
func Pair() (a, b *os.File, err error) {
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_SEQPACKET|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, nil, os.NewSyscallError("socketpair", err)
	}
	return os.NewFile(uintptr(fds[0]), "packets"), os.NewFile(uintptr(fds[1]), "packets"), nil
}
