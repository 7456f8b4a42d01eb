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
// What a process says is not trusted. It is bounded, and characters that are
// not printable are escaped.
package supervise

import "golang.org/x/sys/unix"

// Kind is which of the two processes a socket belongs to.
type Kind string

const (
	// Gofer serves the container's files.
	Gofer Kind = "gofer"
	// Sandbox is the process that the container runs in.
	Sandbox Kind = "sandbox"
)

// address is the beginning of the abstract address (unix(7)) that the
// process's end of a pair is bound to.
func (k Kind) address() string { return addressPrefix + string(k) + "/" }

const addressPrefix = "@runsc-client/"

// Packets start with one of these bytes. What starts with none of them is what
// the Go runtime writes when the process crashes.
const (
	packetHello  = 1 // process to client: it runs
	packetError  = 2 // process to client: why it ends
	packetReady  = 3 // client to process: the answer to a hello
	packetCommit = 4 // client to process: live on without the client
)

const (
	maxPacket = 8 << 10   // bytes of what a process says at once
	maxAnswer = 128 << 10 // bytes of what the client answers
	maxReason = 2 << 10   // bytes that are kept of what one process says
)

const socketType = unix.SOCK_SEQPACKET
