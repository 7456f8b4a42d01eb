package volume

import (
	"encoding/binary"
	"encoding/json"
	"errors"

	"github.com/directfs/runsc/pkg/volume/handoff"
)

// A daemon and its workers speak over a pair of sockets, in messages. The
// daemon sends the client's connection, and the mount's socket if there is one,
// with an order. It answers nothing itself once it has. When it sends no more,
// it shuts its side down.

// order is what the daemon sends: eight bytes of an identifier, and the request
// as the client sent it.
type order struct {
	id     uint64
	header handoff.Header
}

const (
	maxOrder      = 8 + handoff.MaxMessage
	maxOrderFiles = 2
)

func (o order) encode() ([]byte, error) {
	message, err := o.header.Encode()
	if err != nil {
		return nil, err
	}
	return append(binary.BigEndian.AppendUint64(nil, o.id), message...), nil
}

func decodeOrder(b []byte) (order, error) {
	if len(b) < 8 {
		return order{}, errors.New("order is too short")
	}
	h, err := handoff.DecodeHeader(b[8:])
	return order{binary.BigEndian.Uint64(b), h}, err
}

// state is what a worker reports of an order. There is one report of refused, or
// one of serving and one of ended.
type state string

const (
	serving state = "serving"
	refused state = "refused"
	ended   state = "ended"
	// draining is of the worker itself: it refuses what else is ordered.
	draining state = "draining"
)

type report struct {
	ID    uint64       `json:"id,omitempty"`
	State state        `json:"state"`
	Kind  handoff.Kind `json:"kind,omitempty"`
	Text  string       `json:"text,omitempty"`
}

const maxReport = 16 << 10

func refusedReport(id uint64, err error) report {
	r := handoff.Refuse(err)
	return report{ID: id, State: refused, Kind: r.Refusal, Text: r.Text[:min(len(r.Text), 1024)]}
}

func (r report) encode() []byte {
	b, err := json.Marshal(r)
	if err != nil {
		panic(err) // it has no type that cannot be encoded
	}
	return b
}

func decodeReport(b []byte) (report, error) {
	var r report
	err := json.Unmarshal(b, &r)
	return r, err
}
