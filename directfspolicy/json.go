package directfspolicy

import (
	"bytes"
	"encoding/json"
	"fmt"
)

// planVersion is the version of the JSON form that this package writes.
const planVersion = 3

// versions are the JSON forms that this package reads. A version that was
// released stays here, or in the message of ErrPlanVersion.
var versions = map[int]func(b []byte) (Plan, error){
	2: readVersion2,
	3: readVersion3,
}

// wirePlan is version 3: what was asked and what was decided, and nothing that
// follows from it.
type wirePlan struct {
	Version     int            `json:"version"`
	Flag        bool           `json:"flag"`
	Ceiling     string         `json:"hints"`
	Scope       string         `json:"scope"`
	HostNetwork bool           `json:"hostNetwork"`
	HostDevices bool           `json:"hostDevices"`
	Decisions   []wireDecision `json:"decisions"`
	Unmatched   []Hint         `json:"unmatched"`
}

type wireDecision struct {
	Mount        string   `json:"mount"`
	DirectFS     wireWhy  `json:"directfs"`
	Cache        wireWhy  `json:"cache"`
	Sources      []Source `json:"sources,omitempty"`
	ReadOnly     bool     `json:"readOnly"`
	SpecialFiles bool     `json:"specialFiles,omitempty"`
}

type wireWhy struct {
	Reason  string `json:"reason"`
	Key     string `json:"key,omitempty"`
	PodWide bool   `json:"podWide,omitempty"`
	Backend string `json:"backend,omitempty"`
}

func (w Why) wire() wireWhy { return wireWhy{w.reason.String(), w.key, w.podWide, w.backend} }

func (w wireWhy) why() (Why, error) {
	r, err := reasonNames.parse(w.Reason)
	return Why{r, w.Key, w.PodWide, w.Backend}, err
}

// MarshalJSON writes the versioned JSON form.
func (p Plan) MarshalJSON() ([]byte, error) {
	w := wirePlan{
		Version: planVersion, Flag: p.container.Flag, Ceiling: p.container.Ceiling.String(), Scope: p.container.Scope.String(),
		HostNetwork: p.container.HostNetwork, HostDevices: p.container.HostDevices,
		Decisions: make([]wireDecision, len(p.decisions)), Unmatched: append([]Hint{}, p.unmatched...),
	}
	for i, d := range p.decisions {
		w.Decisions[i] = wireDecision{d.Mount, d.WhyAccess.wire(), d.WhyCache.wire(), d.Sources, d.ReadOnly, d.SpecialFiles}
	}
	return json.Marshal(w)
}

// UnmarshalJSON reads the versioned JSON form, of this version or of one before
// it, and leaves p alone on error. It fails with ErrPlanVersion for a version
// that it does not know, and with ErrInvalidPlan for unknown fields or words,
// for trailing data, and for a plan to which no Request leads: a stored Plan
// that was tampered with grants nothing.
func (p *Plan) UnmarshalJSON(b []byte) error {
	var v struct {
		Version *int `json:"version"`
	}
	if err := json.Unmarshal(b, &v); err != nil {
		return fmt.Errorf("%w: %w", ErrInvalidPlan, err)
	}
	if v.Version == nil {
		return fmt.Errorf("%w: no version; delete the container and create it again", ErrPlanVersion)
	}
	read, ok := versions[*v.Version]
	if !ok {
		return fmt.Errorf("%w: %d, where 2 to %d can be read; delete the container and create it again", ErrPlanVersion, *v.Version, planVersion)
	}
	q, err := read(b)
	if err != nil {
		return fmt.Errorf("%w: %w; delete the container and create it again", ErrInvalidPlan, err)
	}
	*p = q
	return nil
}

// strictly decodes one value without fields that the type does not have.
func strictly(b []byte, v any) error {
	d := json.NewDecoder(bytes.NewReader(b))
	d.DisallowUnknownFields()
	return d.Decode(v)
}

func readVersion3(b []byte) (Plan, error) {
	var w wirePlan
	if err := strictly(b, &w); err != nil {
		return Plan{}, err
	}
	p := Plan{container: Container{Flag: w.Flag, HostNetwork: w.HostNetwork, HostDevices: w.HostDevices}}
	var err error
	if p.container.Ceiling, err = ceilingNames.parse(w.Ceiling); err != nil {
		return Plan{}, err
	}
	if p.container.Scope, err = scopeNames.parse(w.Scope); err != nil {
		return Plan{}, err
	}
	if len(w.Unmatched) > 0 {
		p.unmatched = w.Unmatched
	}
	for _, wd := range w.Decisions {
		d := Decision{Mount: wd.Mount, Sources: append([]Source(nil), wd.Sources...), ReadOnly: wd.ReadOnly, SpecialFiles: wd.SpecialFiles}
		if d.WhyAccess, err = wd.DirectFS.why(); err != nil {
			return Plan{}, fmt.Errorf("mount %q: %w", wd.Mount, err)
		}
		if d.WhyCache, err = wd.Cache.why(); err != nil {
			return Plan{}, fmt.Errorf("mount %q: %w", wd.Mount, err)
		}
		d.imply()
		p.decisions = append(p.decisions, d)
	}
	return p, p.check()
}
