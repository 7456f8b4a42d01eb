package socket

import (
	"crypto/rand"
	"testing"

	"golang.org/x/sys/unix"
)

func TestTakeBounding(t *testing.T) {
	const set = 1<<40 | 1<<unix.CAP_CHOWN
	for name, c := range map[string]struct {
		packets [][]byte
		ok      bool
	}{
		"none":            {},
		"one":             {packets: [][]byte{BoundingPacket(set)}, ok: true},
		"before another":  {packets: [][]byte{BoundingPacket(set), {Commit}}, ok: true},
		"behind another":  {packets: [][]byte{{Ready}, BoundingPacket(set)}},
		"short":           {packets: [][]byte{BoundingPacket(set)[:8]}},
		"without content": {packets: [][]byte{{Bounding}}},
		"an empty one":    {packets: [][]byte{{}}},
		"of another kind": {packets: [][]byte{append([]byte{Commit}, BoundingPacket(set)[1:]...)}},
	} {
		pair, err := unix.Socketpair(unix.AF_UNIX, Type, 0)
		if err != nil {
			t.Fatal(err)
		}
		for _, p := range c.packets {
			if err := unix.Sendto(pair[0], p, 0, nil); err != nil {
				t.Fatal(err)
			}
		}
		got, ok := TakeBounding(pair[1])
		if ok != c.ok || ok && got != set {
			t.Errorf("%s: %#x, %t", name, got, ok)
		}
		if _, ok := TakeBounding(pair[1]); ok {
			t.Errorf("%s: there is a second one", name)
		}
		unix.Close(pair[0])
		unix.Close(pair[1])
	}
}

// A packet that is not for the process's first run is left where it is.
func TestTakeBoundingLeavesOthers(t *testing.T) {
	pair, err := unix.Socketpair(unix.AF_UNIX, Type, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(pair[0])
	defer unix.Close(pair[1])
	if err := unix.Sendto(pair[0], []byte{Commit}, 0, nil); err != nil {
		t.Fatal(err)
	}
	TakeBounding(pair[1])
	var b [2]byte
	if n, _, err := unix.Recvfrom(pair[1], b[:], unix.MSG_DONTWAIT); n != 1 || b[0] != Commit {
		t.Errorf("read %d bytes, %v, %v", n, b, err)
	}
}

// A donated socket with the right name is not taken for the client's, which has
// a higher number.
func TestFindHighest(t *testing.T) {
	bound := func(above int) int {
		fd, err := unix.Socket(unix.AF_UNIX, Type|unix.SOCK_CLOEXEC, 0)
		if err != nil {
			t.Fatal(err)
		}
		defer unix.Close(fd)
		if err := unix.Bind(fd, &unix.SockaddrUnix{Name: Sandbox.Address() + rand.Text()}); err != nil {
			t.Fatal(err)
		}
		n, err := unix.FcntlInt(uintptr(fd), unix.F_DUPFD_CLOEXEC, above)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { unix.Close(n) })
		return n
	}
	bound(90)
	client := bound(100)
	bound(20)
	if fd, err := Find(Sandbox); fd != client || err != nil {
		t.Errorf("found %d, %v, want %d", fd, err, client)
	}
}
