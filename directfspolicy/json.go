package directfspolicy

import (
	"bytes"
	"encoding/json"
	"fmt"
)

// PlanVersion is the version of the JSON form that this package writes and the
// only one that it reads.
const PlanVersion = 2

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
	if p.UnmatchedCache == nil {
		p.UnmatchedCache = []CacheHint{}
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
	q := Plan(w.plainPlan)
	if err := q.check(); err != nil {
		return err
	}
	*p = q
	return nil
}

// check reports whether a decoded plan is one that Resolve could have made, or
// the zero Plan.
func (p Plan) check() error {
	if err := p.checkInputs(); err != nil {
		return fmt.Errorf("%w: %v", ErrInvalidPlan, err)
	}
	want := p
	want.Decisions = make([]Decision, len(p.Decisions))
	for i, d := range p.Decisions {
		d.derive()
		want.Decisions[i] = d
	}
	got, gotErr := json.Marshal(plainPlan(p))
	exp, expErr := json.Marshal(plainPlan(want.normalized()))
	if gotErr != nil || expErr != nil || !bytes.Equal(got, exp) {
		return fmt.Errorf("%w: it does not follow from its own decisions; recreate the container", ErrInvalidPlan)
	}
	return nil
}
