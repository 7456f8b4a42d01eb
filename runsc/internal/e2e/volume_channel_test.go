package e2e

import (
	"context"
	"encoding/binary"
	"io"
	"net"
	"os"
	"strings"
	"testing"

	"github.com/directfs/runsc/pkg/volume/handoff"
	"github.com/directfs/runsc/runsc/harness"
	"golang.org/x/sys/unix"
	"gvisor.dev/gvisor/pkg/lisafs"
)

// serveNoChannel answers as a file server does that was killed while it made the
// channels: the sandbox process has memory that it shares with nobody, and waits
// there whatever happens to the socket.
func serveNoChannel(t *testing.T, socket *os.File) {
	answer := func(m lisafs.MID, payload []byte, fds ...int) {
		h := binary.LittleEndian.AppendUint32(nil, uint32(len(payload)))
		h = binary.LittleEndian.AppendUint32(h, uint32(m))
		var rights []byte
		if len(fds) > 0 {
			rights = unix.UnixRights(fds...)
		}
		if err := unix.Sendmsg(int(socket.Fd()), append(h, payload...), rights, nil, 0); err != nil {
			t.Error(err)
		}
	}
	for {
		h := make([]byte, 8)
		if _, err := io.ReadFull(socket, h); err != nil {
			return
		}
		if _, err := io.CopyN(io.Discard, socket, int64(binary.LittleEndian.Uint32(h))); err != nil {
			return
		}
		switch m := lisafs.MID(binary.LittleEndian.Uint16(h[4:])); m {
		case lisafs.Mount:
			r := lisafs.MountResp{MaxMessageSize: 1 << 20, SupportedMs: []lisafs.MID{lisafs.Mount, lisafs.Channel, lisafs.FStat}}
			r.Root.ControlFD = 1
			r.Root.Stat.Mask, r.Root.Stat.Mode = unix.STATX_BASIC_STATS, unix.S_IFDIR|0o755
			b := make([]byte, r.SizeBytes())
			r.MarshalBytes(b)
			answer(m, b)
		case lisafs.Channel:
			memory, err := unix.MemfdCreate("channel", unix.MFD_CLOEXEC)
			check(t, err)
			pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_SEQPACKET|unix.SOCK_CLOEXEC, 0)
			check(t, err)
			const size = 1<<20 + 1<<16
			check(t, unix.Ftruncate(memory, size))
			answer(m, binary.LittleEndian.AppendUint64(make([]byte, 8), size), memory, pair[0])
			for _, fd := range []int{memory, pair[0], pair[1]} {
				unix.Close(fd)
			}
		default:
			answer(lisafs.Error, binary.LittleEndian.AppendUint32(nil, uint32(unix.EIO)))
		}
	}
}

// Not even a daemon with which the sandbox process waits for good keeps anybody
// waiting: the container has a sandbox of its own, which ends.
func TestDaemonThatServesNoChannel(t *testing.T) {
	l := idleLab(t)
	l.Runtime = foreignDaemon(t, l, handoff.Info{}, func(in handoff.Incoming, c *net.UnixConn) {
		_ = handoff.Reply{}.Send(context.Background(), c, nil)
		serveNoChannel(t, in.Socket)
	})
	b, id := l.Bundle(t, (&volumeLab{backend: "daemon"}).mountFrom("/nowhere", "/v", "v"), harness.Args("serve")), l.ID()
	_, err := l.Create(harness.Context(t), id, b)
	check(t, err)
	said, code := attended(t, l, b.Dir, "start", id)
	if code == 0 || !strings.Contains(said, "its volumes did not answer within 1m0s: is a volume daemon stuck?") {
		t.Errorf("started: %s", said)
	}
	command(t, l.Runtime, "delete", "--force", id)
	l.CheckGone(t, id)
}
