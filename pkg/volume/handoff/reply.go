package handoff

import (
	"encoding/json"
	"fmt"
	"slices"
)

// Info is what a daemon says of a volume that may be attached.
type Info struct {
	// ReadOnly is set where the volume cannot be written.
	ReadOnly bool `json:"readOnly,omitempty"`

	// DonatesRoot is set where the volume's root directory can be asked for.
	DonatesRoot bool `json:"donatesRoot,omitempty"`
}

// Reply answers a request. With a Refusal it has a Text and no Info.
type Reply struct {
	Info
	Refusal Kind   `json:"refusal,omitempty"`
	Text    string `json:"text,omitempty"`
}

// refusals are the kinds that a daemon can send.
var refusals = []Kind{UnknownVolume, Refused, Unavailable, WrongVersion, Malformed}

// Encode returns the message. The text is made printable, and shortened to some
// 1000 bytes.
func (r Reply) Encode() ([]byte, error) {
	if r.Refusal != "" {
		r.Text = text(r.Text)
	}
	if err := r.validate(); err != nil {
		return nil, err
	}
	return json.Marshal(struct {
		versioned
		Reply
	}{versioned{Version}, r})
}

// DecodeReply reads a message. Errors are *VersionError, and others for what is
// no reply of this version; then the Reply is zero.
func DecodeReply(message []byte) (Reply, error) {
	var m struct {
		versioned
		Reply
	}
	if err := decode(message, &m); err != nil {
		return Reply{}, err
	}
	if err := m.Reply.validate(); err != nil {
		return Reply{}, err
	}
	m.Text = text(m.Text)
	return m.Reply, nil
}

func (r Reply) validate() error {
	switch {
	case r.Refusal == "" && r.Text != "":
		return fmt.Errorf("reply has a text, which only a refusal has")
	case r.Refusal != "" && r.Info != Info{}:
		return fmt.Errorf("reply is a refusal, and says what the volume can do")
	case r.Refusal != "" && !slices.Contains(refusals, r.Refusal):
		return fmt.Errorf("reply has the unknown refusal %q", text(string(r.Refusal)))
	}
	return nil
}
