package supervise

import (
	"fmt"
	"io"
	"os"
	"runtime/debug"
	"strconv"
	"sync"

	"github.com/directfs/runsc/runsc/internal/supervise/socket"
	"golang.org/x/sys/unix"
	"gvisor.dev/gvisor/pkg/log"
	"gvisor.dev/gvisor/runsc/cmd/util"
)

// Client is a process's connection to the client that started it. A nil one is
// of a process that nobody supervises.
type Client struct {
	fd     int
	ready  chan struct{} // closed when there is an answer
	answer Answer

	mu   sync.Mutex // protects what follows, and the FD from being closed
	left bool
	last func() // see BeforeExit; may be nil
}

// SpeakEarly lets what the engine says of the process's flags, which it reads
// before the process can join its client, reach that client. It does nothing in
// a process that nobody supervises.
func SpeakEarly(kind Kind) {
	if fd, err := socket.Find(kind); err == nil && fd >= 0 {
		c := &Client{fd: fd}
		util.ErrorLogger = c.speaker(nil)
	}
}

// Join takes up the connection of a process of the given kind. From then on,
// what the engine's util.Errorf and util.Fatalf say, and what the Go runtime
// says of a crash, reaches the client, and the process exits if the client
// dies before it commits. What it says after that is kept for who holds it,
// unless it logs to stderr: there is no room for a log, of which the first line
// would pass for a reason. It returns nil where there is no connection.
func Join(kind Kind, logsToStderr bool) (*Client, error) {
	fd, err := socket.Find(kind)
	if err != nil {
		return nil, fmt.Errorf("looking for the client's socket: %w", err)
	}
	if fd < 0 {
		return nil, nil
	}
	if fd, err = moveDown(fd); err != nil {
		return nil, fmt.Errorf("moving the client's socket: %w", err)
	}
	if !logsToStderr {
		keepWords()
	}
	// Hooks that have no environment of their own get this process's.
	if err := os.Unsetenv(socket.FDVariable); err != nil {
		return nil, err
	}
	c := &Client{fd: fd, ready: make(chan struct{})}
	if err := c.report(); err != nil {
		return nil, fmt.Errorf("reporting to the client: %w", err)
	}
	if err := c.send(socket.Hello, nil); err != nil {
		return nil, fmt.Errorf("the client that started this process is gone: %w", err)
	}
	go c.follow(kind)
	return c, nil
}

// moveDown gives the socket the lowest number that is free: the engine's sandbox
// process wants some of the high ones for the container's standard streams, and
// ends if one is taken (runsc/boot/loader.go:679).
func moveDown(fd int) (int, error) {
	low, err := unix.FcntlInt(uintptr(fd), unix.F_DUPFD_CLOEXEC, unix.Stderr+1)
	if err != nil {
		return -1, err
	}
	return low, unix.Close(fd)
}

// BeforeExit says what a process does before it exits because its client died.
func (c *Client) BeforeExit(f func()) {
	if c == nil {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.last = f
}

func (c *Client) exit() {
	c.mu.Lock()
	last := c.last
	c.mu.Unlock()
	if last != nil {
		last()
	}
	os.Exit(128)
}

// KeepOverExec leaves the socket open when the process executes itself again.
func (c *Client) KeepOverExec() error {
	if c == nil {
		return nil
	}
	if err := os.Setenv(socket.FDVariable, strconv.Itoa(c.fd)); err != nil {
		return fmt.Errorf("keeping the number of the client's socket: %w", err)
	}
	_, err := unix.FcntlInt(uintptr(c.fd), unix.F_SETFD, 0)
	return err
}

// AwaitReady returns the client's answer when it is there. The files are the
// caller's. A gofer must have called it before it installs its filter; only
// gofers get files.
func (c *Client) AwaitReady() Answer {
	if c == nil {
		return Answer{}
	}
	<-c.ready
	return c.answer
}

// report sends what the process has to say to the client too.
func (c *Client) report() error {
	fd, err := unix.FcntlInt(uintptr(c.fd), unix.F_DUPFD_CLOEXEC, 0)
	if err != nil {
		return err
	}
	// The runtime duplicates the FD once more.
	crash := os.NewFile(uintptr(fd), "client")
	defer crash.Close()
	if err := debug.SetCrashOutput(crash, debug.CrashOptions{}); err != nil {
		return err
	}
	util.ErrorLogger = c.speaker(util.ErrorLogger)
	return nil
}

// speaker sends records to the client, and writes them to own, unless nil.
func (c *Client) speaker(own io.Writer) io.Writer {
	return writer(func(record []byte) (int, error) {
		_ = c.send(socket.Error, []byte(message(record)))
		if own == nil {
			return len(record), nil
		}
		return own.Write(record)
	})
}

// follow does as the client says, until it commits or dies.
func (c *Client) follow(kind Kind) {
	answered := false
	packet := make([]byte, 1+maxAnswer)
	var rights []byte
	if kind == Gofer {
		rights = make([]byte, unix.CmsgSpace(4*MaxFiles))
	}
	for {
		n, rightsLen, err := c.receive(packet, rights)
		switch {
		case err == unix.EINTR:
			continue
		case err != nil || n == 0:
			log.Warningf("The client died before the container was created; exiting.")
			c.exit()
		case packet[0] == socket.Ready && !answered:
			answered, c.answer = true, Answer{packet[1:n], filesOf(rights[:rightsLen])}
			packet, rights = make([]byte, 1), nil
			close(c.ready)
		case packet[0] == socket.Commit:
			c.leave()
			return
		}
	}
}

// receive uses read(2) where no files are expected: the seccomp filters of both
// processes allow that, but not recvmsg(2) with these flags.
func (c *Client) receive(packet, rights []byte) (n, rightsLen int, err error) {
	if rights == nil {
		n, err = unix.Read(c.fd, packet)
		return n, 0, err
	}
	n, rightsLen, _, _, err = unix.Recvmsg(c.fd, packet, rights, unix.MSG_CMSG_CLOEXEC)
	return n, rightsLen, err
}

// filesOf takes the files out of a message.
func filesOf(rights []byte) []*os.File {
	messages, err := unix.ParseSocketControlMessage(rights)
	if err != nil {
		return nil
	}
	var files []*os.File
	for i := range messages {
		fds, err := unix.ParseUnixRights(&messages[i])
		if err != nil {
			continue
		}
		for _, fd := range fds {
			files = append(files, os.NewFile(uintptr(fd), "client's"))
		}
	}
	return files
}

// leave closes the connection.
func (c *Client) leave() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.left = true
	_ = debug.SetCrashOutput(nil, debug.CrashOptions{})
	_ = unix.Close(c.fd)
}

// send uses write(2), which the seccomp filters of both processes allow. The
// Go runtime turns a SIGPIPE for an FD like this one into an error.
func (c *Client) send(packet byte, data []byte) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.left {
		return nil
	}
	_, err := unix.Write(c.fd, append([]byte{packet}, data[:min(len(data), maxPacket-1)]...))
	return err
}

type writer func([]byte) (int, error)

func (w writer) Write(b []byte) (int, error) { return w(b) }
