package volume

import (
	"cmp"
	"fmt"
	"log/slog"
	"time"
)

// ServeOptions bounds what a daemon does. Zero fields have the values of
// DefaultServeOptions.
type ServeOptions struct {
	// Peers are the users whose runtimes may ask, beside root and the daemon's
	// own. The socket's permissions must let them too: Listen makes it the
	// owner's only.
	Peers []uint32

	// Limits is of each mount.
	Limits Limits

	// Memory is how many bytes of data a worker may have beside what it starts
	// with: setrlimit(2), RLIMIT_DATA. One that wants more is ended by the Go
	// runtime, and the mounts of its sandbox with it. At three quarters of it,
	// garbage is collected more often. Go takes memory from the system in pieces
	// of 64 MiB, so less than twice that is refused. In a program with cgo, the
	// stacks of its threads count too, 8 MiB each.
	Memory int64

	// OpenFiles is how many FDs a worker may have, unless the daemon itself may
	// have fewer: setrlimit(2), RLIMIT_NOFILE.
	OpenFiles uint64

	// Mounts is how many mounts a sandbox may have, and Workers how many
	// sandboxes there may be.
	Mounts, Workers int

	// Connections is how many clients are listened to at once, and Asks how many
	// of them may be waiting for a volume's Check.
	Connections, Asks int

	// RequestTimeout is how long a client has to send its request.
	RequestTimeout time.Duration

	// OpenTimeout is how long a Resolver and Source.Check, or a Resolver and
	// Source.Open, may take together.
	OpenTimeout time.Duration

	// IdleTimeout is how long a worker without mounts waits for the next one: the
	// containers of a pod start, and start again, one by one.
	IdleTimeout time.Duration

	// DrainTimeout is how long mounts are served when the daemon is to end. Then
	// the volumes have CloseTimeout to write what they hold, as they have when
	// their last mount is gone.
	DrainTimeout, CloseTimeout time.Duration

	// Logger gets what operators should know. The zero value is slog.Default().
	Logger *slog.Logger

	// Observe, if not nil, is called with everything that happens, for metrics:
	// in the daemon's process, not in its workers, and concurrently.
	Observe func(Event)
}

// DefaultServeOptions is for a machine with some hundred sandboxes.
var DefaultServeOptions = ServeOptions{
	Memory:         512 << 20,
	OpenFiles:      16384,
	Mounts:         64,
	Workers:        512,
	Connections:    64,
	Asks:           32,
	RequestTimeout: 5 * time.Second,
	OpenTimeout:    20 * time.Second,
	IdleTimeout:    time.Second,
	DrainTimeout:   30 * time.Second,
	CloseTimeout:   30 * time.Second,
}

const minMemory = 128 << 20

func (o ServeOptions) complete() (ServeOptions, error) {
	d := DefaultServeOptions
	o.Memory = cmp.Or(o.Memory, d.Memory)
	o.OpenFiles = cmp.Or(o.OpenFiles, d.OpenFiles)
	o.Mounts = cmp.Or(o.Mounts, d.Mounts)
	o.Workers = cmp.Or(o.Workers, d.Workers)
	o.Connections = cmp.Or(o.Connections, d.Connections)
	o.Asks = cmp.Or(o.Asks, d.Asks)
	o.RequestTimeout = cmp.Or(o.RequestTimeout, d.RequestTimeout)
	o.OpenTimeout = cmp.Or(o.OpenTimeout, d.OpenTimeout)
	o.IdleTimeout = cmp.Or(o.IdleTimeout, d.IdleTimeout)
	o.DrainTimeout = cmp.Or(o.DrainTimeout, d.DrainTimeout)
	o.CloseTimeout = cmp.Or(o.CloseTimeout, d.CloseTimeout)
	o.Logger = cmp.Or(o.Logger, slog.Default())
	if o.Observe == nil {
		o.Observe = func(Event) {}
	}
	if o.Memory < minMemory {
		return o, fmt.Errorf("serve option Memory is %d bytes; at least %d are needed", o.Memory, minMemory)
	}
	if min(o.Mounts, o.Workers, o.Connections, o.Asks) < 0 {
		return o, fmt.Errorf("a serve option is negative: %d mounts, %d workers, %d connections, %d asks",
			o.Mounts, o.Workers, o.Connections, o.Asks)
	}
	return o, nil
}

// EventType says what happened in a daemon.
type EventType string

const (
	EventAsked         EventType = "asked"          // a volume was asked for, and could be attached
	EventRefused       EventType = "refused"        // a request was refused: see Refusal
	EventMounted       EventType = "mounted"        // a mount is about to be served
	EventUnmounted     EventType = "unmounted"      // it ended, or its worker did
	EventWorkerStarted EventType = "worker-started" // for a sandbox
	EventWorkerEnded   EventType = "worker-ended"   // in good order unless Err is set
)

// Event is something that happened in a daemon. What is not known is empty.
type Event struct {
	Type                       EventType
	Sandbox, Container, Volume string

	// Refusal is one word: unknown-volume, refused, unavailable, version or
	// malformed.
	Refusal string

	// Err is how a worker ended, or why a request was refused.
	Err error
}
