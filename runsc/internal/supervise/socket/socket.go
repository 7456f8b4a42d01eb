// Package socket is what a process must know to find the socket that ties it to
// the client that started it (package supervise): how it is named, and what
// comes through it. It imports next to nothing, because package preinit, which
// runs before everything else, imports it.
package socket

import (
	"os"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// Type is the type of the sockets: they keep packets apart (unix(7)).
const Type = unix.SOCK_SEQPACKET

// Kind is which of the two processes a socket belongs to.
type Kind string

const (
	// Gofer serves the container's files.
	Gofer Kind = "gofer"
	// Sandbox is the process that the container runs in.
	Sandbox Kind = "sandbox"
)

// Address is the beginning of the abstract address (unix(7)) that the process's
// end of a pair is bound to.
func (k Kind) Address() string { return prefix + string(k) + "/" }

const prefix = "@runsc-client/"

// Packets start with one of these bytes. What starts with none of them is what
// the Go runtime writes when the process crashes.
const (
	Hello    = 1 // process to client: it runs
	Error    = 2 // process to client: why it ends
	Ready    = 3 // client to process: the answer to a hello
	Commit   = 4 // client to process: live on without the client
	Bounding = 5 // client to process, before it starts: see BoundingPacket
)

// FDVariable is the environment variable with the number of the socket, for a
// process that executes itself again and may find no /proc then.
const FDVariable = "RUNSC_CLIENT_FD"

// Find returns the process's socket of this kind, or -1. It closes those of
// other kinds. Donated FDs (--pass-fd, the container's standard streams) are
// whatever somebody made them, but their numbers are all below that of the
// client's socket.
func Find(kind Kind) (int, error) {
	if v, ok := os.LookupEnv(FDVariable); ok {
		if fd, err := strconv.Atoi(v); err == nil && strings.HasPrefix(address(fd), kind.Address()) {
			return fd, nil
		}
		return -1, nil
	}
	entries, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		return -1, err
	}
	found := -1
	for _, entry := range entries {
		fd, err := strconv.Atoi(entry.Name())
		if err != nil {
			return -1, err
		}
		switch a := address(fd); {
		case strings.HasPrefix(a, kind.Address()):
			found = max(found, fd)
		case strings.HasPrefix(a, prefix):
			unix.Close(fd)
		}
	}
	return found, nil
}

// address is what a socket is bound to, or nothing.
func address(fd int) string {
	a, err := unix.Getsockname(fd)
	if err != nil {
		return ""
	}
	if u, ok := a.(*unix.SockaddrUnix); ok {
		return u.Name
	}
	return ""
}
