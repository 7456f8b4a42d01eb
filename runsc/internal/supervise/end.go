package supervise

import (
	"crypto/rand"
	"errors"
	"os"
	"sync"

	"github.com/directfs/runsc/runsc/internal/supervise/socket"
	"golang.org/x/sys/unix"
)

// end is one pair of sockets.
type end struct {
	kind      Kind
	inherited int // the process's, in this process
	done      chan struct{}

	pid    int    // who said hello
	answer []byte // what it got

	mu     sync.Mutex
	fd     int // the client's; -1 when it is closed
	stderr int // the process's, in this process; -1 if it is not known
	errors []string
	crash  []byte
}

// newEnd makes a pair. The process's end gets the number, or the next free one.
func newEnd(kind Kind, o Options, number int) (*end, error) {
	pair, err := unix.Socketpair(unix.AF_UNIX, socket.Type|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, err
	}
	fail := func(err error) (*end, error) {
		return nil, errors.Join(err, unix.Close(pair[0]), unix.Close(pair[1]))
	}
	if err := unix.SetsockoptInt(pair[0], unix.SOL_SOCKET, unix.SO_PASSCRED, 1); err != nil {
		return fail(err)
	}
	if set, ok := o.Bounding[kind]; ok {
		if _, err := unix.Write(pair[0], socket.BoundingPacket(set)); err != nil {
			return fail(err)
		}
	}
	if err := unix.Bind(pair[1], &unix.SockaddrUnix{Name: kind.Address() + rand.Text()}); err != nil {
		return fail(err)
	}
	inherited, err := inheritable(pair[1], number)
	if err != nil {
		return fail(err)
	}
	unix.Close(pair[1])
	return &end{kind: kind, fd: pair[0], stderr: -1, inherited: inherited, done: make(chan struct{})}, nil
}

// send sends a packet, and closes the files that go with it.
func (e *end) send(packet byte, data []byte, files ...*os.File) {
	e.mu.Lock()
	defer e.mu.Unlock()
	var rights []byte
	if len(files) > 0 {
		fds := make([]int, len(files))
		for i, f := range files {
			fds[i] = int(f.Fd())
			defer f.Close()
		}
		rights = unix.UnixRights(fds...)
	}
	if e.fd >= 0 {
		// One that has ended hears nothing.
		_ = unix.Sendmsg(e.fd, append([]byte{packet}, data...), rights, nil, unix.MSG_NOSIGNAL|unix.MSG_DONTWAIT)
	}
}

// shutDown ends the connection; what was sent can still be received. The FD is
// closed by receive.
func (e *end) shutDown() {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.fd >= 0 {
		_ = unix.Shutdown(e.fd, unix.SHUT_RDWR)
	}
}

// hold takes hold of the stderr of the process, which has just said hello.
func (e *end) hold(pid int) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.fd < 0 || e.stderr >= 0 {
		return
	}
	if fd, err := unix.PidfdOpen(pid, 0); err == nil {
		e.stderr = stderrOf(fd)
		unix.Close(fd)
	}
}

// release lets it go.
func (e *end) release() {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.stderr >= 0 {
		unix.Close(e.stderr)
		e.stderr = -1
	}
}

func (e *end) closeFD() {
	e.mu.Lock()
	defer e.mu.Unlock()
	unix.Close(e.fd)
	e.fd = -1
}

// receive reads packets until the process, or the client, ends the connection.
func (e *end) receive(fd int, hello func(pid int)) {
	defer close(e.done)
	defer e.closeFD()
	data, oob := make([]byte, maxPacket), make([]byte, unix.CmsgSpace(unix.SizeofUcred))
	for hellos := 0; ; {
		n, oobn, _, _, err := unix.Recvmsg(fd, data, oob, unix.MSG_CMSG_CLOEXEC)
		if err == unix.EINTR {
			continue
		}
		if err != nil || n == 0 {
			return
		}
		switch {
		case data[0] != socket.Hello:
			e.keep(data[:n])
		case hellos == maxHellos:
			e.keep(append([]byte{socket.Error}, "it says again and again that it starts"...))
			return
		default:
			hellos++
			hello(senderPID(oob[:oobn]))
		}
	}
}

func senderPID(oob []byte) int {
	messages, err := unix.ParseSocketControlMessage(oob)
	if err != nil {
		return 0
	}
	for i := range messages {
		if cred, err := unix.ParseUnixCredentials(&messages[i]); err == nil {
			return int(cred.Pid)
		}
	}
	return 0
}

// keep remembers what the process says, up to a limit.
func (e *end) keep(packet []byte) {
	e.mu.Lock()
	defer e.mu.Unlock()
	switch {
	case packet[0] != socket.Error:
		e.crash = append(e.crash, packet[:min(len(packet), maxReason-len(e.crash))]...)
	case len(e.errors) < 4:
		e.errors = append(e.errors, printable(string(packet[1:])))
	}
}

func (e *end) reason() string {
	e.mu.Lock()
	defer e.mu.Unlock()
	if len(e.crash) > 0 {
		// Of some crashes the runtime writes the first line to stderr alone.
		said, _ := words(e.stderr)
		if line := fatal(said); line != nil {
			return reason(e.errors, line)
		}
	}
	return reason(e.errors, e.crash)
}
