package volume

import (
	"encoding/binary"
	"errors"
	"io"
	"os"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
	"gvisor.dev/gvisor/pkg/lisafs"
)

// raw is a client that sends what it likes.
type raw struct {
	*os.File
	mount  *Mount
	served chan error
}

func dialRaw(t testing.TB, v Volume, o MountOptions) *raw {
	t.Helper()
	m, _, fd, served := start(t, v, o)
	if err := unix.SetNonblock(fd, true); err != nil {
		t.Fatal(err)
	}
	f := os.NewFile(uintptr(fd), "client")
	if err := f.SetDeadline(time.Now().Add(10 * time.Second)); err != nil {
		t.Fatal(err)
	}
	return &raw{f, m, served}
}

// header is that of a message on a socket (pkg/lisafs/sock.go, sockHeader).
func header(size uint32, m lisafs.MID) []byte {
	h := binary.LittleEndian.AppendUint32(nil, size)
	h = binary.LittleEndian.AppendUint16(h, uint16(m))
	return append(h, 0, 0)
}

// ask sends a message and returns the response. An Errno is the server's.
func (r *raw) ask(m lisafs.MID, payload []byte) ([]byte, error) {
	if _, err := r.Write(append(header(uint32(len(payload)), m), payload...)); err != nil {
		return nil, err
	}
	h := make([]byte, 8)
	if _, err := io.ReadFull(r, h); err != nil {
		return nil, err
	}
	response := make([]byte, binary.LittleEndian.Uint32(h))
	if _, err := io.ReadFull(r, response); err != nil {
		return nil, err
	}
	if got := lisafs.MID(binary.LittleEndian.Uint16(h[4:])); got == lisafs.Error {
		return nil, unix.Errno(binary.LittleEndian.Uint32(response))
	}
	return response, nil
}

func numbers(all ...uint64) []byte {
	var p []byte
	for _, n := range all {
		p = binary.LittleEndian.AppendUint64(p, n)
	}
	return p
}

// mountRoot makes the Mount message, after which the root's FD is 1.
func (r *raw) mountRoot(t testing.TB) {
	t.Helper()
	if response, err := r.ask(lisafs.Mount, nil); err != nil || binary.LittleEndian.Uint64(response) != 1 {
		t.Fatalf("mount: %x, %v", response, err)
	}
}

// end hangs up, and checks that nothing is left of the client.
func (r *raw) end(t testing.TB) error {
	t.Helper()
	r.File.Close()
	var err error
	select {
	case err = <-r.served:
	case <-time.After(10 * time.Second):
		t.Fatal("Serve does not return")
	}
	if err := r.mount.calls.drain(); err != nil {
		t.Error(err)
	}
	if m := r.mount; m.open.used.Load() != 0 || m.files.used.Load() != 0 || len(m.nodes.live) != 1 {
		t.Errorf("left: %d open, %d files, %d nodes", m.open.used.Load(), m.files.used.Load(), len(m.nodes.live))
	}
	return err
}

// TestHostileClient: whatever one client does, another mount in the same process
// goes on.
func TestHostileClient(t *testing.T) {
	v := newFake()
	v.put("file", &fakeFile{content: []byte("content")})
	other := dial(t, v, MountOptions{Name: "/other"})
	for _, test := range []struct {
		name string
		do   func(t *testing.T, r *raw)
		end  string // of Serve's error
	}{
		{"hangs up at once", func(*testing.T, *raw) {}, ""},
		{"half a header", func(_ *testing.T, r *raw) { r.Write(header(8, lisafs.FStat)[:3]) }, ""},
		{"half a message", func(_ *testing.T, r *raw) { r.Write(header(8, lisafs.FStat)) }, ""},
		{"announces 64 MiB", func(_ *testing.T, r *raw) { r.Write(header(64<<20, lisafs.FStat)) }, ""},
		{"announces 4 GiB less one", func(_ *testing.T, r *raw) { r.Write(header(1<<32-1, lisafs.FStat)) }, "broke the protocol"},
		{"announces 4 GiB less eight", func(_ *testing.T, r *raw) { r.Write(header(1<<32-8, lisafs.FStat)) }, "broke the protocol"},
		{"a large message", func(t *testing.T, r *raw) {
			r.wantErrno(t, lisafs.FStat, make([]byte, 3<<20), unix.EIO)
		}, ""},
		{"does not mount", func(t *testing.T, r *raw) { r.wantErrno(t, lisafs.FStat, numbers(1), unix.EBADF) }, ""},
		{"unknown messages", func(t *testing.T, r *raw) {
			for _, m := range []lisafs.MID{lisafs.Connect, lisafs.Listen, lisafs.Accept, lisafs.RenameAt2 + 1, 65535} {
				r.wantErrno(t, m, nil, unix.EOPNOTSUPP)
			}
		}, ""},
		{"bad FDs", badFDs, ""},
		{"closes what it has not", func(t *testing.T, r *raw) {
			r.mountRoot(t)
			r.wantErrno(t, lisafs.Close, append([]byte{3, 0}, numbers(7, 7, 1<<63)...), 0)
			r.wantErrno(t, lisafs.FStat, numbers(1), 0)
		}, ""},
		{"reads 4 GiB", func(t *testing.T, r *raw) {
			r.openRoot(t, "file")
			for _, count := range []uint32{1<<32 - 1, 1<<32 - 8, 3 << 20} {
				p := append(numbers(0, 3), binary.LittleEndian.AppendUint32(nil, count)...)
				if _, err := r.ask(lisafs.PRead, append(p, 0, 0, 0, 0)); err == nil {
					t.Errorf("read of %d bytes succeeded", count)
				}
			}
			r.wantErrno(t, lisafs.FStat, numbers(3), 0)
		}, ""},
		{"opens without end", func(t *testing.T, r *raw) {
			r.mountRoot(t)
			var err error
			for range 200 {
				if _, err = r.ask(lisafs.OpenAt, append(numbers(1), make([]byte, 8)...)); err != nil {
					break
				}
			}
			if err != unix.ENFILE {
				t.Errorf("got %v, want ENFILE", err)
			}
		}, ""},
		{"mounts without end", func(t *testing.T, r *raw) {
			var err error
			for range 200 {
				if _, err = r.ask(lisafs.Mount, nil); err != nil {
					break
				}
			}
			if err != unix.ENFILE {
				t.Errorf("got %v, want ENFILE", err)
			}
		}, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			v := newFake()
			v.put("file", &fakeFile{content: []byte("content")})
			r := dialRaw(t, v, MountOptions{Limits: Limits{Files: 100, OpenFiles: 100}})
			test.do(t, r)
			err := r.end(t)
			if test.end == "" && err != nil || test.end != "" && (err == nil || !strings.Contains(err.Error(), test.end)) {
				t.Errorf("Serve: %v, want an error with %q", err, test.end)
			}
			f := other.open("file", unix.O_RDONLY)
			p := make([]byte, 7)
			if n, err := f.Read(background, p, 0); string(p[:n]) != "content" || err != nil {
				t.Errorf("the other mount reads %q, %v", p[:n], err)
			}
		})
	}
}

func (r *raw) wantErrno(t *testing.T, m lisafs.MID, payload []byte, want unix.Errno) {
	t.Helper()
	if _, err := r.ask(m, payload); want == 0 && err != nil || want != 0 && !errors.Is(err, want) {
		t.Errorf("message %d: %v, want %v", m, err, want)
	}
}

// openRoot opens a file of the root: its control FD is 2, the open one 3.
func (r *raw) openRoot(t *testing.T, name string) {
	t.Helper()
	r.mountRoot(t)
	walk := append(numbers(1), 1, 0, byte(len(name)), 0)
	r.wantErrno(t, lisafs.Walk, append(walk, name...), 0)
	r.wantErrno(t, lisafs.OpenAt, append(numbers(2), make([]byte, 8)...), 0)
}

// badFDs sends every message with FDs that do not exist, or are of another kind.
func badFDs(t *testing.T, r *raw) {
	r.openRoot(t, "file")
	for _, id := range []uint64{0, 3, 99, 1 << 63} {
		for m := lisafs.FStat; m <= lisafs.RenameAt2; m++ {
			_, err := r.ask(m, append(numbers(id, id, id), make([]byte, 64)...))
			var errno unix.Errno
			if err != nil && !errors.As(err, &errno) {
				t.Fatalf("message %d with FD %d: %v", m, id, err)
			}
		}
	}
}

// FuzzMessages sends what a client could: a sequence of messages.
func FuzzMessages(f *testing.F) {
	message := func(m lisafs.MID, payload []byte) []byte {
		return append([]byte{byte(m), byte(len(payload))}, payload...)
	}
	walk := message(lisafs.Walk, append(numbers(1), "\x01\x00\x04\x00file"...))
	open := message(lisafs.OpenAt, append(numbers(2), 2, 0, 0, 0, 0, 0, 0, 0))
	list := append(message(lisafs.OpenAt, append(numbers(1), make([]byte, 8)...)),
		message(lisafs.Getdents64, append(numbers(2), 0, 0, 0xff, 0xff, 0, 0, 0, 0))...)
	f.Add(append(append(walk, open...), message(lisafs.PRead, append(numbers(0, 3), 7, 0, 0, 0, 0, 0, 0, 0))...))
	f.Add(list)
	f.Add(message(lisafs.UnlinkAt, append(numbers(1), "\x04\x00file\x00\x00\x00\x00"...)))
	f.Add(message(lisafs.SetStat, append(numbers(1), make([]byte, 60)...)))
	f.Fuzz(func(t *testing.T, all []byte) {
		v := newFake()
		v.put("file", &fakeFile{content: []byte("content")})
		r := dialRaw(t, v, MountOptions{})
		r.mountRoot(t)
		for len(all) >= 2 {
			m, n := lisafs.MID(all[0]), min(int(all[1]), len(all)-2)
			_, err := r.ask(m, all[2:2+n])
			var errno unix.Errno
			// The engine panics itself where a read's size overflows.
			panicked := errors.As(err, &errno) && errno == unix.EREMOTEIO && m != lisafs.PRead
			if err != nil && (errno == 0 || panicked) {
				t.Errorf("message %d with %x: %v", m, all[2:2+n], err)
			}
			all = all[2+n:]
		}
		if err := r.end(t); err != nil {
			t.Error(err)
		}
		if n := v.openHandles(); n != 0 {
			t.Errorf("%d handles are open", n)
		}
	})
}
