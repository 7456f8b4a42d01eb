package directfspolicy

import (
	"errors"
	"fmt"
	"slices"
)

// This file reads version 2 of a stored Plan. It kept what follows from the
// decisions beside them; here that must be what they lead to today, but for
// diagnostics, which were prose. It knew nothing of a ceiling, of host devices
// or of identities.

type plan2 struct {
	Version        int         `json:"version"`
	Flag           bool        `json:"flag"`
	Scope          string      `json:"scope"`
	HostNetwork    bool        `json:"hostNetwork"`
	Decisions      []decision2 `json:"decisions"`
	Unmatched      []hint2     `json:"unmatched"`
	UnmatchedCache []hint2     `json:"unmatchedCache"`
	Sandbox        sandbox2    `json:"sandbox"`
	Sentry         []SetName   `json:"sentry"`
	Gofer          []SetName   `json:"gofer"`
	Donations      []string    `json:"donations"`
	Diagnostics    []string    `json:"diagnostics"`
}

type decision2 struct {
	Mount       string   `json:"mount"`
	Access      string   `json:"access"`
	Reason      string   `json:"reason"`
	Detail      string   `json:"detail"`
	Cache       string   `json:"cache"`
	CacheReason string   `json:"cacheReason"`
	CacheDetail string   `json:"cacheDetail"`
	Source      string   `json:"source"`
	ReadOnly    bool     `json:"readOnly"`
	Donated     bool     `json:"donated"`
	Options     []string `json:"options"`
}

type hint2 struct {
	Key     string `json:"key"`
	Setting string `json:"setting"`
}

type sandbox2 struct {
	Raised        bool     `json:"raised"`
	RaisedFor     []string `json:"raisedFor"`
	WritesHost    bool     `json:"writesHost"`
	Capabilities  []string `json:"capabilities"`
	UserNamespace string   `json:"userNamespace"`
	UmaskZero     bool     `json:"umaskZero"`
}

func readVersion2(b []byte) (Plan, error) {
	var w plan2
	if err := strictly(b, &w); err != nil {
		return Plan{}, err
	}
	p := Plan{container: Container{Flag: w.Flag, HostNetwork: w.HostNetwork}}
	var err error
	if p.container.Scope, err = scopeNames.parse(w.Scope); err != nil {
		return Plan{}, err
	}
	for _, d2 := range w.Decisions {
		d, err := d2.decision(w.Sandbox)
		if err != nil {
			return Plan{}, fmt.Errorf("mount %q: %w", d2.Mount, err)
		}
		p.decisions = append(p.decisions, d)
	}
	for knob, hints := range map[Knob][]hint2{DirectFSKnob: w.Unmatched, CacheKnob: w.UnmatchedCache} {
		for _, h := range hints {
			// Only hints that a whole pod has could match no mount.
			p.unmatched = append(p.unmatched, Hint{Knob: knob, Key: h.Key, Setting: Setting(h.Setting), PodWide: true})
		}
	}
	slices.SortStableFunc(p.unmatched, func(a, b Hint) int {
		return slices.Index(Knobs(), a.Knob) - slices.Index(Knobs(), b.Knob)
	})
	if err := p.check(); err != nil {
		return Plan{}, err
	}
	return p, w.check(p)
}

// decision reads the reasons. Whether a hint was pod-wide shows in what raised
// the sandbox; for a container that is not a pod's first nothing hangs on it.
func (d2 decision2) decision(s sandbox2) (Decision, error) {
	d := Decision{Mount: d2.Mount, ReadOnly: d2.ReadOnly}
	var err error
	if d.WhyAccess.reason, err = reasonNames.parse(d2.Reason); err != nil {
		return d, err
	}
	if reasonTable[d.WhyAccess.reason].backend {
		if d.WhyAccess.backend, err = backend3(d2.Detail); err != nil {
			return d, err
		}
	} else {
		d.WhyAccess.key = d2.Detail
	}
	d.WhyGofer.reason = becauseDefaultGofer
	if h, ok := d.WhyAccess.Hint(); ok {
		d.WhyAccess.podWide = slices.Contains(s.RaisedFor, words2(Cause{Kind: causeJoiningHint, Hint: h}))
	}
	d.WhyCache.key = d2.CacheDetail
	if d.WhyCache.reason, err = reasonNames.parse(d2.CacheReason + "-" + d2.Cache); err != nil {
		return d, err
	}
	if d2.Source != "" {
		d.Sources = []Source{{Path: d2.Source}}
	}
	d.imply()
	options := []string{}
	switch d.Access {
	case DirectFS:
		options = []string{"directfs", "cache=" + d2.Cache}
	case LisaFS:
		options = []string{"cache=" + d2.Cache}
	}
	if d2.Access != d.Access.String() || d2.Donated != d.donated() || !slices.Equal(d2.Options, options) {
		return d, fmt.Errorf("access %s, donated=%t and options %q do not follow from reason %s", d2.Access, d2.Donated, d2.Options, d2.Reason)
	}
	return d, nil
}

// check compares what was derived then with what is derived now.
func (w plan2) check(p Plan) error {
	s := p.Sandbox()
	var raisedFor []string
	for _, c := range s.RaisedFor {
		raisedFor = append(raisedFor, words2(c))
	}
	same := w.Sandbox.Raised == s.Raised && w.Sandbox.WritesHost == s.WritesHost && w.Sandbox.UmaskZero == s.UmaskZero &&
		(w.Sandbox.UserNamespace == specNamespace) == s.SpecUserNamespace &&
		(s.SpecUserNamespace || w.Sandbox.UserNamespace == newNamespace) && slices.Equal(w.Sandbox.Capabilities, s.Capabilities) &&
		slices.Equal(w.Sandbox.RaisedFor, raisedFor) && slices.Equal(w.Donations, p.Donations()) &&
		slices.Equal(w.Sentry, p.Sentry()) && slices.Equal(w.Gofer, p.Gofer())
	if !same {
		return errors.New("it does not follow from its own decisions")
	}
	return nil
}

// words2 are the words of version 2 for a cause: whatever a cause is called
// today, these were stored.
func words2(c Cause) string {
	switch c.Kind {
	case causeJoiningHint:
		return fmt.Sprintf("containers that may join (%s=%s)", c.Hint.Key, c.Hint.Setting)
	case causeJoiningFlag:
		return "containers that may join (--directfs=true)"
	}
	return c.Mount
}
