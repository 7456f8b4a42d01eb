package volume

import (
	"context"
	"encoding/binary"
	"errors"
	"os"
	"testing"

	"golang.org/x/sys/unix"
	"gvisor.dev/gvisor/pkg/flipcall"
	"gvisor.dev/gvisor/pkg/lisafs"
)

// rawChannel is a channel whose memory the client writes whenever it likes.
type rawChannel struct {
	*flipcall.Endpoint
	fds *os.File // by which FDs come
}

// channel opens a channel.
func (r *raw) channel(t *testing.T) rawChannel {
	t.Helper()
	if _, err := r.Write(header(0, lisafs.Channel)); err != nil {
		t.Fatal(err)
	}
	response, oob := make([]byte, 8+16), make([]byte, unix.CmsgSpace(2*4))
	conn, err := r.SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	oobn := 0
	if ctlErr := conn.Read(func(fd uintptr) bool {
		_, oobn, _, _, err = unix.Recvmsg(int(fd), response, oob, unix.MSG_CMSG_CLOEXEC)
		return err != unix.EAGAIN
	}); errors.Join(ctlErr, err) != nil {
		t.Fatal(ctlErr, err)
	}
	messages, err := unix.ParseSocketControlMessage(oob[:oobn])
	if err != nil {
		t.Fatal(err)
	}
	got, err := unix.ParseUnixRights(&messages[0])
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(got[0])
	f := os.NewFile(uintptr(got[1]), "channel's FDs")
	t.Cleanup(func() { f.Close() })
	ep, err := flipcall.NewEndpoint(flipcall.ClientSide, flipcall.PacketWindowDescriptor{
		FD:     got[0],
		Offset: int64(binary.LittleEndian.Uint64(response[8:])),
		Length: int(binary.LittleEndian.Uint64(response[16:])),
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(ep.Destroy)
	if err := ep.Connect(); err != nil {
		t.Fatal(err)
	}
	return rawChannel{ep, f}
}

// ask sends a message and returns the response's type and its payload.
func (c rawChannel) ask(t *testing.T, m lisafs.MID, payload []byte) (lisafs.MID, []byte) {
	t.Helper()
	b := c.Data()
	n := copy(b[4:], payload)
	copy(b, []byte{byte(m), byte(m >> 8), 0, 0})
	size, err := c.SendRecv(uint32(4 + n))
	if err != nil {
		t.Fatal(err)
	}
	return lisafs.MID(binary.LittleEndian.Uint16(b)), b[4:size]
}

// TestWalkThatIsTamperedWith: when a walk fails, the engine reads from the shared
// memory which FDs it made (pkg/lisafs/handlers.go, WalkHandler). Whatever it then
// takes for one of these, the handles are closed when the client has hung up.
func TestWalkThatIsTamperedWith(t *testing.T) {
	v := newFake()
	v.put("file", &fakeFile{content: []byte("content")})
	v.put("dir", &fakeFile{attr: Attr{Mode: os.ModeDir}})
	r := dialRaw(t, v, MountOptions{})
	r.openRoot(t, "file") // its open FD is 3
	c := r.channel(t)
	v.setHook(func(_ context.Context, call string, id ID) error {
		if call == "lookup" && id == "id-dir" {
			binary.LittleEndian.PutUint64(c.Data()[4+3:], 3) // the first FD of the response
			return unix.EIO
		}
		return nil
	})
	m, _ := c.ask(t, lisafs.Walk, append(numbers(1), "\x02\x00\x03\x00dir\x01\x00x"...))
	if m != lisafs.Error {
		t.Errorf("walk: message %d", m)
	}
	if err := r.end(t); err != nil {
		t.Error(err)
	}
	if n := v.openHandles(); n != 0 {
		t.Errorf("%d handles are open", n)
	}
}
