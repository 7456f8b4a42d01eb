package policycmd

import (
	"errors"
	"fmt"
	"strings"

	"github.com/directfs/runsc/directfspolicy"
	"github.com/directfs/runsc/pkg/ociconfig"
)

// scenario is changes that are made together.
type scenario []ociconfig.Change

// scenarioFlag collects the values of --what-if.
type scenarioFlag []scenario

// String implements flag.Value.String.
func (*scenarioFlag) String() string { return "" }

// Set implements flag.Value.Set.
func (f *scenarioFlag) Set(value string) error {
	var s scenario
	rest := ""
	for _, part := range strings.Split(value, ",") {
		// A destination can have a comma in it.
		part = rest + part
		i := strings.LastIndexByte(part, '=')
		if i < 0 {
			rest = part + ","
			continue
		}
		rest = ""
		c, err := parseChange(part[:i], part[i+1:])
		if err != nil {
			return wantChange(part)
		}
		s = append(s, c)
	}
	if rest != "" {
		return wantChange(strings.TrimSuffix(rest, ","))
	}
	*f = append(*f, s)
	return nil
}

// parseChange reads NAME=VALUE and NAME=KNOB=VALUE, cut at the last sign.
func parseChange(name, value string) (ociconfig.Change, error) {
	c := ociconfig.Change{Name: name, Knob: directfspolicy.DirectFSKnob, Value: value}
	for _, k := range directfspolicy.Knobs() {
		if of, ok := strings.CutSuffix(name, "="+string(k)); ok {
			c.Name, c.Knob = of, k
		}
	}
	_, err := directfspolicy.ParseHint(c.Knob, name, value, "")
	if c.Name == "" {
		err = errors.New("no name")
	}
	return c, err
}

func wantChange(got string) error {
	var values []string
	for _, k := range directfspolicy.Knobs() {
		for _, v := range k.Allowed() {
			if k != directfspolicy.DirectFSKnob {
				v = string(k) + "=" + v
			}
			values = append(values, v)
		}
	}
	return fmt.Errorf("%q: want NAME=VALUE; allowed values: %s", got, strings.Join(values, ", "))
}

// String returns the scenario as --what-if accepts it.
func (s scenario) String() string {
	parts := make([]string, len(s))
	for i, c := range s {
		value := c.Value
		if c.Knob != directfspolicy.DirectFSKnob {
			value = string(c.Knob) + "=" + value
		}
		parts[i] = c.Name + "=" + value
	}
	return strings.Join(parts, ",")
}

// answer is what would follow from a scenario.
type answer struct {
	Changes scenario `json:"changes"`

	// Refused is the error with which the container would not be created.
	Refused string `json:"refused,omitempty"`

	// Plan is the one there would be, or nil.
	Plan *view `json:"plan,omitempty"`

	// Differences lead from the plan that there is to that one.
	Differences []difference `json:"differences"`
}

// ask resolves the input with the scenario's changes.
func (s scenario) ask(in input, now outcome) (answer, error) {
	a := answer{Changes: s, Differences: []difference{}}
	var err error
	in.spec, in.opts, err = ociconfig.WhatIf(in.spec, in.opts, s...)
	if err != nil {
		return a, usagef("--what-if=%s: %w", s, err)
	}
	then, err := in.resolve()
	if err != nil {
		a.Refused = err.Error()
		return a, nil
	}
	plan := viewOf(then.plan)
	a.Plan = &plan
	a.Differences = differences(now, then)
	return a, nil
}

// write writes the answer for people, to whom the names of the filters' sets
// say enough unless they ask for the calls.
func (a answer) write(b *strings.Builder, calls bool) {
	fmt.Fprintf(b, "\nwhat if %s\n", a.Changes)
	switch {
	case a.Refused != "":
		fmt.Fprintf(b, "  refused: %s\n", a.Refused)
	case len(a.Differences) == 0:
		b.WriteString("  nothing changes\n")
	}
	var rows [][]string
	for _, d := range a.Differences {
		if d.Field != callsField || calls {
			rows = append(rows, d.row())
		}
	}
	writeTable(b, rows)
}
