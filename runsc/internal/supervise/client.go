package supervise

import (
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"sync"
	"time"

	"github.com/directfs/runsc/runsc/internal/supervise/socket"
	"golang.org/x/sys/unix"
	"gvisor.dev/gvisor/runsc/sandbox"
)

// patience is how long Reasons waits for processes that are about to end.
const patience = 2 * time.Second

// Process is a process that said hello.
type Process struct {
	Kind Kind
	PID  int
}

// Options is what Start has to know of a container.
type Options struct {
	// Mounts is how many mounts the container has, at most: the numbers of the
	// FDs must be above all that the engine donates.
	Mounts int

	// Bounding is what the processes will have in their capability bounding
	// sets, where that is known: they then drop the others sooner.
	Bounding map[Kind]uint64

	// OnHello is called, one call at a time and once for every process that
	// starts, before that process goes on; the engine meanwhile waits for the sandbox
	// process to come up. What it returns is the answer that the process gets,
	// at most 128 KiB. It may be nil.
	OnHello func(Process) []byte
}

// Children is the client's side. It is for one creation or start. A nil one is
// of a command that starts no process.
type Children struct {
	ends    []*end
	onHello func(Process) []byte

	mu     sync.Mutex // protects inherited
	closed bool       // inherited ends are closed
}

// end is one pair of sockets.
type end struct {
	kind      Kind
	inherited int // the process's, in this process
	done      chan struct{}

	pid    int    // who said hello
	answer []byte // what it got

	mu     sync.Mutex
	fd     int // the client's; -1 when it is closed
	errors []string
	crash  []byte
}

// Start makes the sockets that the next processes of this client inherit.
func Start(o Options) (*Children, error) {
	if err := sandbox.SetCloExeOnAllFDs(); err != nil {
		return nil, fmt.Errorf("setting CLOEXEC on all FDs: %w", err)
	}
	if err := os.Unsetenv(socket.FDVariable); err != nil {
		return nil, err
	}
	c := &Children{onHello: o.OnHello}
	for _, kind := range []Kind{Gofer, Sandbox} {
		e, err := newEnd(kind, o)
		if err != nil {
			for _, e := range c.ends {
				unix.Close(e.inherited)
				e.closeFD()
			}
			return nil, fmt.Errorf("making the socket of the %s process: %w", kind, err)
		}
		c.ends = append(c.ends, e)
	}
	var one sync.Mutex
	for _, e := range c.ends {
		go e.receive(e.fd, func(pid int) {
			one.Lock()
			defer one.Unlock()
			c.hello(e, pid)
		})
	}
	return c, nil
}

func newEnd(kind Kind, o Options) (*end, error) {
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
	inherited, err := inheritable(pair[1], o.Mounts)
	if err != nil {
		return fail(err)
	}
	unix.Close(pair[1])
	return &end{kind: kind, fd: pair[0], inherited: inherited, done: make(chan struct{})}, nil
}

// hello answers a process; one that has executed itself again gets the same
// answer again. The sandbox process is the last one that the engine starts for
// a container.
func (c *Children) hello(e *end, pid int) {
	if e.kind == Sandbox {
		c.closeInherited()
	}
	if c.onHello != nil && e.pid != pid {
		e.pid, e.answer = pid, c.onHello(Process{Kind: e.kind, PID: pid})
	}
	e.send(socket.Ready, e.answer...)
}

// closeInherited lets no process that starts from now on inherit anything.
func (c *Children) closeInherited() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return
	}
	c.closed = true
	for _, e := range c.ends {
		unix.Close(e.inherited)
	}
}

// Commit lets the processes live on when this one ends, and ends the
// connection to them. It may be called again.
func (c *Children) Commit() {
	if c == nil {
		return
	}
	for _, e := range c.ends {
		e.send(socket.Commit)
	}
	c.Close()
}

// Close ends the connection. Processes that were not committed exit.
func (c *Children) Close() {
	if c == nil {
		return
	}
	c.closeInherited()
	for _, e := range c.ends {
		e.shutDown()
	}
}

// Reasons returns what the processes said before they ended, one line for each
// that said something. It is for when the engine has failed and has ended
// them; it waits for their last words, but not long.
func (c *Children) Reasons() []string {
	if c == nil {
		return nil
	}
	c.closeInherited()
	timeout := time.After(patience)
	for _, e := range c.ends {
		select {
		case <-e.done:
		case <-timeout:
		}
	}
	c.Close()
	var all []string
	for _, e := range c.ends {
		if r := e.reason(); r != "" {
			all = append(all, fmt.Sprintf("%s process: %s", e.kind, r))
		}
	}
	return all
}

func (e *end) send(packet byte, data ...byte) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.fd >= 0 {
		// One that has ended hears nothing.
		_ = unix.Sendto(e.fd, append([]byte{packet}, data...), unix.MSG_NOSIGNAL|unix.MSG_DONTWAIT, nil)
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
	return reason(e.errors, e.crash)
}
