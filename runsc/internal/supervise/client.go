package supervise

import (
	"context"
	"fmt"
	"os"
	"sync"
	"time"

	"github.com/directfs/runsc/runsc/internal/supervise/socket"
	"golang.org/x/sys/unix"
	"gvisor.dev/gvisor/runsc/sandbox"
)

// drain is how long it can take to read what was sent already.
const drain = 2 * time.Second

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

	// Files is how many files the engine donates that it does not for every
	// container.
	Files int

	// Bounding is what the processes will have in their capability bounding
	// sets, where that is known: they then drop the others sooner.
	Bounding map[Kind]uint64

	// OnHello is called, one call at a time and once for every process that
	// starts, before that process goes on; the engine meanwhile waits for the sandbox
	// process to come up. It may be nil.
	OnHello func(Process) Answer
}

// Answer is what a process gets for its hello.
type Answer struct {
	// Data is at most 128 KiB.
	Data []byte

	// Files are at most MaxFiles. They are closed when they are sent, and a
	// process that executes itself again does not get them again.
	Files []*os.File
}

// MaxFiles is the kernel's limit for one message (SCM_MAX_FD, unix(7)).
const MaxFiles = 253

// Children is the client's side. It is for one creation or start. A nil one is
// of a command that starts no process.
type Children struct {
	ends    []*end
	onHello func(Process) Answer

	mu     sync.Mutex // protects inherited
	closed bool       // inherited ends are closed
}

// Start makes the sockets that the next processes of this client inherit.
func Start(o Options) (*Children, error) {
	if err := sandbox.SetCloExeOnAllFDs(); err != nil {
		return nil, fmt.Errorf("setting CLOEXEC on all FDs: %w", err)
	}
	if err := os.Unsetenv(socket.FDVariable); err != nil {
		return nil, err
	}
	open, err := openFDs()
	if err != nil {
		return nil, fmt.Errorf("looking at open FDs: %w", err)
	}
	c, n := &Children{onHello: o.OnHello}, number(o, open)
	for _, kind := range []Kind{Gofer, Sandbox} {
		e, err := newEnd(kind, o, n)
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

// hello answers a process; one that has executed itself again gets the same
// answer again. The sandbox process is the last one that the engine starts for
// a container.
func (c *Children) hello(e *end, pid int) {
	if e.kind == Sandbox {
		c.closeInherited()
	}
	e.hold(pid)
	var a Answer
	if c.onHello != nil && e.pid != pid {
		a = c.onHello(Process{Kind: e.kind, PID: pid})
		e.pid, e.answer = pid, a.Data
	}
	e.send(socket.Ready, e.answer, a.Files...)
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
		e.send(socket.Commit, nil)
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
		e.release()
	}
}

// Reasons returns what the processes said before they ended, one line for each
// that said something. It is for when the engine has failed and has ended
// them; it waits for their last words, but no longer than that. Then it ends
// the connection.
func (c *Children) Reasons(patience time.Duration) []string {
	if c == nil {
		return nil
	}
	c.closeInherited()
	c.await(patience)
	for _, e := range c.ends {
		e.shutDown()
	}
	c.await(drain) // what they had sent before
	var all []string
	for _, e := range c.ends {
		if r := e.reason(); r != "" {
			all = append(all, fmt.Sprintf("%s process: %s", e.kind, r))
		}
	}
	c.Close()
	return all
}

// await waits until nothing more comes from the processes.
func (c *Children) await(patience time.Duration) {
	patient, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	for _, e := range c.ends {
		select {
		case <-e.done:
		case <-patient.Done():
		}
	}
}
