package engine

import (
	"bytes"
	"compress/flate"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"

	"github.com/directfs/runsc/directfspolicy"
	specs "github.com/opencontainers/runtime-spec/specs-go"
)

// The engine starts the gofer itself, with an environment that is the client's
// own (runsc/container/container.go:1537), so that is the way a Plan reaches
// it. A single variable is limited to 128 KiB (MAX_ARG_STRLEN in execve(2)).
const (
	planVariable  = "RUNSC_DIRECTFS_PLAN"
	maxVariable   = 96 << 10
	maxPlanPieces = 1024
)

// HandToGofer puts the Plan where a gofer that this process starts finds it.
func HandToGofer(p directfspolicy.Plan) error {
	b, err := json.Marshal(p)
	if err != nil {
		return fmt.Errorf("encoding plan: %w", err)
	}
	var z bytes.Buffer
	w, err := flate.NewWriter(&z, flate.BestSpeed)
	if err != nil {
		return fmt.Errorf("encoding plan: %w", err)
	}
	if _, err := w.Write(b); err != nil {
		return fmt.Errorf("encoding plan: %w", err)
	}
	if err := w.Close(); err != nil {
		return fmt.Errorf("encoding plan: %w", err)
	}
	s := base64.StdEncoding.EncodeToString(z.Bytes())
	pieces := (len(s) + maxVariable - 1) / maxVariable
	if err := os.Setenv(planVariable, strconv.Itoa(pieces)); err != nil {
		return fmt.Errorf("handing plan to gofer: %w", err)
	}
	for i := range pieces {
		piece := s[i*maxVariable : min(len(s), (i+1)*maxVariable)]
		if err := os.Setenv(planVariable+"_"+strconv.Itoa(i), piece); err != nil {
			return fmt.Errorf("handing plan to gofer: %w", err)
		}
	}
	return nil
}

// TakeBack removes what HandToGofer, LetGoferAsk or a client left: a hook that
// has no environment of its own is started with that of this process.
func TakeBack() {
	for _, v := range os.Environ() {
		if name, _, _ := strings.Cut(v, "="); strings.HasPrefix(name, planVariable) {
			_ = os.Unsetenv(name)
		}
	}
}

// LetGoferAsk is for a command of the engine that makes a spec of its own after
// it was handed over to: the gofer asks the client for the Plan, which resolves
// it then; see EncodePlan.
func LetGoferAsk() error {
	if err := os.Setenv(planVariable, askClient); err != nil {
		return fmt.Errorf("handing plan to gofer: %w", err)
	}
	return nil
}

const askClient = "ask"

// EncodePlan encodes the answer to a gofer that asks for its Plan.
func EncodePlan(p directfspolicy.Plan) ([]byte, error) {
	b, err := json.Marshal(p)
	if err != nil {
		return nil, fmt.Errorf("encoding plan: %w", err)
	}
	return b, nil
}

// TakeInGofer returns the Plan that the client resolved: what HandToGofer left,
// or, where the client said so, its answer. There is no default: a gofer without
// a Plan serves nothing.
func TakeInGofer(answer []byte) (directfspolicy.Plan, error) {
	var p directfspolicy.Plan
	if os.Getenv(planVariable) == askClient {
		if len(answer) == 0 {
			return p, errors.New("the client has no plan for the gofer")
		}
		if err := json.Unmarshal(answer, &p); err != nil {
			return directfspolicy.Plan{}, fmt.Errorf("reading plan: %w", err)
		}
		return p, nil
	}
	pieces, err := strconv.Atoi(os.Getenv(planVariable))
	if err != nil || pieces < 1 || pieces > maxPlanPieces {
		return p, fmt.Errorf("gofer was started without a plan: %s=%q", planVariable, os.Getenv(planVariable))
	}
	var s bytes.Buffer
	for i := range pieces {
		s.WriteString(os.Getenv(planVariable + "_" + strconv.Itoa(i)))
	}
	b, err := io.ReadAll(flate.NewReader(base64.NewDecoder(base64.StdEncoding, &s)))
	if err != nil {
		return p, fmt.Errorf("reading plan: %w", err)
	}
	if err := json.Unmarshal(b, &p); err != nil {
		return p, fmt.Errorf("reading plan: %w", err)
	}
	return p, nil
}

// envelope is what the gofer of a sandbox's first container sends over the
// mounts FD. The engine's own code reads a plain list there; see Unwrap.
type envelope struct {
	Plan   *directfspolicy.Plan `json:"plan"`
	Mounts []specs.Mount        `json:"mounts"`
}

// Wrap encodes a Plan and a lowered mount list for the sandbox process.
func Wrap(p directfspolicy.Plan, mounts []specs.Mount) ([]byte, error) {
	return json.Marshal(envelope{&p, append([]specs.Mount{}, mounts...)})
}

// Unwrap decodes what Wrap made into the Plan and the JSON of the plain list.
// wrapped is false for a plain list, which has been unwrapped before.
func Unwrap(b []byte) (p directfspolicy.Plan, mounts []byte, wrapped bool, err error) {
	if t := bytes.TrimSpace(b); len(t) > 0 && t[0] == '[' {
		return p, b, false, nil
	}
	var e envelope
	d := json.NewDecoder(bytes.NewReader(b))
	d.DisallowUnknownFields()
	if err := d.Decode(&e); err != nil {
		return p, nil, false, fmt.Errorf("reading plan and mounts: %w", err)
	}
	if _, err := d.Token(); err != io.EOF {
		return p, nil, false, errors.New("reading plan and mounts: data after the end")
	}
	if e.Plan == nil || e.Mounts == nil {
		return p, nil, false, errors.New("reading plan and mounts: one of the two is missing")
	}
	mounts, err = json.Marshal(e.Mounts)
	return *e.Plan, mounts, true, err
}

// FirstMessage is what the gofer of a sandbox's first container sends.
func FirstMessage(mounts []specs.Mount, pairs []Pair, p directfspolicy.Plan) ([]byte, error) {
	lowered, err := FirstMounts(mounts, pairs)
	if err != nil {
		return nil, err
	}
	return Wrap(p, lowered)
}

// JoiningMessage is what the gofer of a joining container sends.
func JoiningMessage(mounts []specs.Mount, pairs []Pair, p directfspolicy.Plan) ([]byte, error) {
	lowered, err := JoiningMounts(mounts, pairs, p)
	if err != nil {
		return nil, err
	}
	return json.Marshal(lowered)
}
