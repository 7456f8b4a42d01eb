package handoff

import "fmt"

// Kind is why a volume is not served.
type Kind string

const (
	// UnknownVolume: the daemon knows no volume of that name.
	UnknownVolume Kind = "unknown-volume"
	// Refused: that container may not have the volume, or not in that way.
	Refused Kind = "refused"
	// Unavailable: there is no daemon, it is busy, or it cannot open the volume.
	Unavailable Kind = "unavailable"
	// WrongVersion: the daemon speaks another version of the protocol.
	WrongVersion Kind = "version"
	// Malformed: one side does not understand what the other one sent.
	Malformed Kind = "malformed"
	// Untrusted: the socket or the process behind it is not the daemon's. No
	// daemon sends this one.
	Untrusted Kind = "untrusted"
)

// Error says why a volume is not served.
type Error struct {
	Daemon Address // zero in the daemon itself
	Volume string  // empty before there is a request
	Kind   Kind
	Text   string // printable, one line

	err error
}

func (e *Error) Error() string {
	s := string(e.Kind)
	if e.Volume != "" {
		s = fmt.Sprintf("volume %q: %s", e.Volume, s)
	}
	if e.Daemon != (Address{}) {
		s = fmt.Sprintf("volume daemon %s: %s", e.Daemon, s)
	}
	if e.Text != "" {
		s += ": " + e.Text
	}
	return s
}

// Unwrap returns what happened on this side, if anything did: a *VersionError,
// an error of the context, of a system call.
func (e *Error) Unwrap() error { return e.err }

// VersionError is for a message of another version of the protocol.
type VersionError struct{ Ours, Theirs int }

func (e *VersionError) Error() string {
	return fmt.Sprintf("the other side speaks version %d of the hand-off protocol, this one version %d: "+
		"use a runtime and a daemon of the same release", e.Theirs, e.Ours)
}
