package directfspolicy

import (
	"bytes"
	"encoding/json"
	"fmt"
)

// planVersion is the version of the JSON form that this package writes.
const planVersion = 5

// versions are the JSON forms that this package reads. A version that was
// released stays here, or in the message of ErrPlanVersion.
var versions = map[int]func(b []byte) (Plan, error){
	2: readVersion2,
	3: readPlan[decision3],
	4: readPlan[decision4],
	5: readPlan[wireDecision],
}

// wirePlan is version 3, 4 or 5: what was asked and what was decided, and nothing
// that follows from it. They differ in their decisions.
type wirePlan[D wireForm] struct {
	Version     int    `json:"version"`
	Flag        bool   `json:"flag"`
	Ceiling     string `json:"hints"`
	Scope       string `json:"scope"`
	HostNetwork bool   `json:"hostNetwork"`
	HostDevices bool   `json:"hostDevices"`
	Decisions   []D    `json:"decisions"`
	Unmatched   []Hint `json:"unmatched"`
}

// wireForm is a decision in the form of some version.
type wireForm interface{ decision() (Decision, error) }

type wireDecision struct {
	Mount        string     `json:"mount"`
	DirectFS     wireWhy    `json:"directfs"`
	Cache        wireWhy    `json:"cache"`
	Gofer        wireWhy    `json:"gofer"`
	Outside      bool       `json:"outside,omitempty"`
	Sources      []Source   `json:"sources,omitempty"`
	Union        *wireUnion `json:"union,omitempty"`
	Layer        *Layer     `json:"layerOf,omitempty"`
	ReadOnly     bool       `json:"readOnly"`
	SpecialFiles bool       `json:"specialFiles,omitempty"`
}

type wireUnion struct {
	Driver    string   `json:"driver"`
	Chosen    string   `json:"chosen"`
	HostFails string   `json:"hostFails,omitempty"`
	Source    string   `json:"source,omitempty"`
	Options   []string `json:"options,omitempty"`
	Warnings  []string `json:"warnings,omitempty"`
}

func (u *Union) wire() *wireUnion {
	if u == nil {
		return nil
	}
	return &wireUnion{u.Driver.String(), u.Chosen.String(), u.HostFails, u.Source, u.Options, u.Warnings}
}

func (w *wireUnion) union() (u *Union, err error) {
	if w == nil {
		return nil, nil
	}
	u = &Union{HostFails: w.HostFails, Source: w.Source, Options: w.Options, Warnings: w.Warnings}
	if u.Driver, err = unionNames.parse(w.Driver); err != nil {
		return nil, err
	}
	u.Chosen, err = choiceNames.parse(w.Chosen)
	return u, err
}

type wireWhy struct {
	Reason  string  `json:"reason"`
	Key     string  `json:"key,omitempty"`
	PodWide bool    `json:"podWide,omitempty"`
	Name    Setting `json:"name,omitempty"`
	Backend string  `json:"backend,omitempty"`
}

func (w Why) wire() wireWhy { return wireWhy{w.reason.String(), w.key, w.podWide, w.name, w.backend} }

func (w wireWhy) why() (Why, error) {
	r, err := reasonNames.parse(w.Reason)
	return Why{r, w.Key, w.PodWide, w.Name, w.Backend}, err
}

// wire leaves out what the name of a volume implies.
func (d Decision) wire() wireDecision {
	w := wireDecision{d.Mount, d.WhyAccess.wire(), d.WhyCache.wire(), d.WhyGofer.wire(), d.Outside, d.Sources, d.Union.wire(), d.Layer, d.ReadOnly, d.SpecialFiles}
	if d.ServedByVolume() {
		w.Sources, w.DirectFS.Backend = nil, ""
	}
	return w
}

func (w wireDecision) decision() (Decision, error) {
	d := Decision{Mount: w.Mount, Outside: w.Outside, Layer: w.Layer, ReadOnly: w.ReadOnly, SpecialFiles: w.SpecialFiles}
	var err error
	if d.Union, err = w.Union.union(); err != nil {
		return d, err
	}
	for _, r := range rules {
		form := map[Knob]wireWhy{DirectFSKnob: w.DirectFS, CacheKnob: w.Cache, GoferKnob: w.Gofer}[r.knob]
		if *r.why(&d), err = form.why(); err != nil {
			return d, err
		}
	}
	d.imply()
	if !d.ServedByVolume() {
		d.Sources = append([]Source(nil), w.Sources...)
		return d, nil
	}
	if len(w.Sources) > 0 || w.DirectFS.Backend != "" {
		return d, fmt.Errorf("it has a source, or a name of the backend, beside the volume %v", d.Gofer)
	}
	if d.WhyAccess.reason == becauseCannotDonate {
		d.WhyAccess.backend = d.Gofer.String()
	}
	return d, nil
}

// MarshalJSON writes the versioned JSON form.
func (p Plan) MarshalJSON() ([]byte, error) {
	w := wirePlan[wireDecision]{
		Version: planVersion, Flag: p.container.Flag, Ceiling: p.container.Ceiling.String(), Scope: p.container.Scope.String(),
		HostNetwork: p.container.HostNetwork, HostDevices: p.container.HostDevices,
		Decisions: make([]wireDecision, len(p.decisions)), Unmatched: append([]Hint{}, p.unmatched...),
	}
	for i, d := range p.decisions {
		w.Decisions[i] = d.wire()
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

func readPlan[D wireForm](b []byte) (Plan, error) {
	var w wirePlan[D]
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
	for i, wd := range w.Decisions {
		d, err := wd.decision()
		if err != nil {
			return Plan{}, fmt.Errorf("decision %d, mount %q: %w", i, d.Mount, err)
		}
		p.decisions = append(p.decisions, d)
	}
	return p, p.check()
}
