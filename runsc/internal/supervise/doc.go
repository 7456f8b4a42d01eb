// Package supervise ties the processes that a client starts to that client
// while it creates or starts a container: the gofer and the sandbox process.
//
//   - A process that cannot go on says why, and the client adds it to its own
//     error.
//   - A client that dies before the container's state is saved takes them with
//     it: they see the end of their socket and exit.
//
// There is one pair of sockets for each of the two. The engine starts its
// processes with the FDs that it donates; it makes all others close on exec,
// but only the first time that it is asked to (runsc/sandbox/sandbox.go:2652).
// So the client asks first, and then lets one end of each pair be inherited. A
// process knows its end by the address that it is bound to: the sandbox
// process is started without an environment (runsc/sandbox/sandbox.go:995).
//
// Nobody keeps a socket for longer than that. Committing closes the client's
// ends, and the processes close theirs when they hear of it. Hooks inherit
// none: the client closes its copies of the processes' ends before they run.
//
// Afterwards a process still has a small memory file for stderr. A client that
// starts or restores the container holds the two processes meanwhile (Hold), and
// can say how one of them ended and what it wrote there. Neither lives or dies
// by that.
//
// What a process says is not trusted. It is bounded, and characters that are
// not printable are escaped.
package supervise

import "github.com/directfs/runsc/runsc/internal/supervise/socket"

// Kind is which of the two processes a socket belongs to.
type Kind = socket.Kind

const (
	// Gofer serves the container's files.
	Gofer = socket.Gofer
	// Sandbox is the process that the container runs in.
	Sandbox = socket.Sandbox
)

const (
	maxPacket = 8 << 10   // bytes of what a process says at once
	maxAnswer = 128 << 10 // bytes of what the client answers
	maxReason = 2 << 10   // bytes that are kept of what one process says
	maxHellos = 2         // a process executes itself again at most once
)
