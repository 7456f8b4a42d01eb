package directfspolicy

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
)

// PlanVersion is the version of the JSON form that this package writes and the
// only one that it reads.
const PlanVersion = 1

// wirePlan is a Plan without its methods, next to its version.
type wirePlan struct {
	Version int `json:"version"`
	plainPlan
}

type plainPlan Plan

// MarshalJSON writes the versioned JSON form.
func (p Plan) MarshalJSON() ([]byte, error) {
	return json.Marshal(wirePlan{PlanVersion, plainPlan(p.normalized())})
}

// normalized has empty lists in place of nil ones, so that equal plans have
// equal JSON.
func (p Plan) normalized() Plan {
	if p.Decisions == nil {
		p.Decisions = []Decision{}
	}
	if p.Unmatched == nil {
		p.Unmatched = []Hint{}
	}
	p.derive()
	return p
}

// UnmarshalJSON reads the versioned JSON form and leaves p alone on error.
// It fails with ErrPlanVersion for a version that it does not know, and with
// ErrInvalidPlan for unknown fields or words, for trailing data, and for a
// plan whose derived part is not what its decisions imply: a stored Plan that
// was tampered with grants nothing.
func (p *Plan) UnmarshalJSON(b []byte) error {
	var v struct {
		Version *int `json:"version"`
	}
	if err := json.Unmarshal(b, &v); err != nil {
		return fmt.Errorf("%w: %w", ErrInvalidPlan, err)
	}
	if v.Version == nil {
		return fmt.Errorf("%w: no version, want %d", ErrPlanVersion, PlanVersion)
	}
	if *v.Version != PlanVersion {
		return fmt.Errorf("%w: %d, want %d", ErrPlanVersion, *v.Version, PlanVersion)
	}
	var w wirePlan
	d := json.NewDecoder(bytes.NewReader(b))
	d.DisallowUnknownFields()
	if err := d.Decode(&w); err != nil {
		return fmt.Errorf("%w: %w", ErrInvalidPlan, err)
	}
	if _, err := d.Token(); err != io.EOF {
		return fmt.Errorf("%w: data after the plan", ErrInvalidPlan)
	}
	q := Plan(w.plainPlan)
	if err := q.check(); err != nil {
		return err
	}
	*p = q
	return nil
}

// check reports whether a decoded plan is one that Resolve could have made.
func (p Plan) check() error {
	for _, d := range p.Decisions {
		if d.Reason.Access() != d.Access || !d.Reason.possible(p.Flag) {
			return fmt.Errorf("%w: mount %q: reason %v with --directfs=%t does not give %v", ErrInvalidPlan, d.Mount, d.Reason, p.Flag, d.Access)
		}
	}
	if p.Scope == Standalone && len(p.Unmatched) > 0 {
		return fmt.Errorf("%w: a standalone container has unmatched hints", ErrInvalidPlan)
	}
	want := p
	want.Decisions = make([]Decision, len(p.Decisions))
	for i, d := range p.Decisions {
		d.derive()
		want.Decisions[i] = d
	}
	want.derive()
	got, err := json.Marshal(plainPlan(p))
	if err != nil {
		return fmt.Errorf("%w: %w", ErrInvalidPlan, err)
	}
	exp, err := json.Marshal(plainPlan(want))
	if err != nil {
		return fmt.Errorf("%w: %w", ErrInvalidPlan, err)
	}
	if !bytes.Equal(got, exp) {
		return fmt.Errorf("%w: it does not follow from its own decisions; recreate the container", ErrInvalidPlan)
	}
	return nil
}
