package handoff

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"path"
	"unicode/utf8"
)

// Version is the protocol's. A daemon and a runtime of other versions refuse
// each other.
const Version = 1

// MaxMessage is how many bytes a request or a reply has at most. Longer ones are
// refused unread.
const MaxMessage = 64 << 10

// Operation is what a request asks for.
type Operation string

const (
	// OpAsk asks whether a volume could be attached.
	OpAsk Operation = "ask"
	// OpAttach asks for a volume to be served.
	OpAttach Operation = "attach"
)

// Request is what a daemon learns of a mount: volume.Request explains the fields.
// All strings are valid UTF-8, and none is empty.
type Request struct {
	// Volume is a name of at most 255 bytes, all of them printable.
	Volume string `json:"volume"`

	Container string `json:"container"` // at most 1024 bytes
	Sandbox   string `json:"sandbox"`   // at most 1024 bytes
	Mount     string `json:"mount"`     // absolute and clean, at most 4096 bytes

	ReadOnly  bool `json:"readOnly,omitempty"`
	Exclusive bool `json:"exclusive,omitempty"`
}

// Header is a request as it is sent.
type Header struct {
	Operation Operation `json:"operation"`
	Request

	// Root is set where an attach asks for the volume's root directory.
	Root bool `json:"root,omitempty"`
}

// versioned is what the messages of every version have.
type versioned struct {
	Version int `json:"version"`
}

// Encode returns the message for a header that is valid.
func (h Header) Encode() ([]byte, error) {
	if err := h.validate(); err != nil {
		return nil, err
	}
	return json.Marshal(struct {
		versioned
		Header
	}{versioned{Version}, h})
}

// DecodeHeader reads a message. Errors are *VersionError, and others for what is
// no request of this version; then the Header is zero.
func DecodeHeader(message []byte) (Header, error) {
	var m struct {
		versioned
		Header
	}
	if err := decode(message, &m); err != nil {
		return Header{}, err
	}
	if err := m.Header.validate(); err != nil {
		return Header{}, err
	}
	return m.Header, nil
}

// decode reads the message of this version, and nothing that is unknown to it.
func decode(message []byte, m any) error {
	if len(message) > MaxMessage {
		return fmt.Errorf("message of %d bytes, at most %d are allowed", len(message), MaxMessage)
	}
	if !utf8.Valid(message) {
		return errors.New("message is not UTF-8")
	}
	var v versioned
	if err := json.Unmarshal(message, &v); err != nil { // also if something follows
		return fmt.Errorf("message: %w", err)
	}
	if v.Version != Version {
		return &VersionError{Ours: Version, Theirs: v.Version}
	}
	d := json.NewDecoder(bytes.NewReader(message))
	d.DisallowUnknownFields()
	if err := d.Decode(m); err != nil {
		return fmt.Errorf("message of version %d: %w", Version, err)
	}
	return nil
}

func (h Header) validate() error {
	switch {
	case h.Operation != OpAsk && h.Operation != OpAttach:
		return fmt.Errorf("operation is %q, it must be %q or %q", h.Operation, OpAsk, OpAttach)
	case h.Root && h.Operation != OpAttach:
		return fmt.Errorf("root is set, which only %q allows", OpAttach)
	}
	for _, s := range []struct {
		name, value string
		limit       int
	}{
		{"volume", h.Volume, 255},
		{"container", h.Container, 1024},
		{"sandbox", h.Sandbox, 1024},
		{"mount", h.Mount, 4096},
	} {
		switch {
		case s.value == "":
			return fmt.Errorf("%s is empty", s.name)
		case len(s.value) > s.limit:
			return fmt.Errorf("%s has %d bytes, at most %d are allowed", s.name, len(s.value), s.limit)
		case !utf8.ValidString(s.value):
			return fmt.Errorf("%s %q is not UTF-8", s.name, s.value)
		}
	}
	if h.Volume != printable(h.Volume) {
		return fmt.Errorf("volume %q is not printable", h.Volume)
	}
	if !path.IsAbs(h.Mount) || path.Clean(h.Mount) != h.Mount {
		return fmt.Errorf("mount %q is not an absolute, clean path", h.Mount)
	}
	return nil
}
