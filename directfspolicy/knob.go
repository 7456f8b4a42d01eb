package directfspolicy

import "slices"

// Knob names one thing that is decided for every mount and that hints can turn.
// It is the word by which users call it.
type Knob string

const (
	// DirectFSKnob decides the [Access].
	DirectFSKnob Knob = "directfs"

	// CacheKnob decides the [Cache] mode.
	CacheKnob Knob = "cache"
)

// rule is all that distinguishes one knob from another.
type rule struct {
	knob Knob

	// allowed is what users may write, in the order in which they are told;
	// words says what each of them means.
	allowed []string
	words   map[string]Setting

	// reasons are those that a decision about the knob can have.
	reasons []Reason

	// decide is the whole rule for one mount. It looks at the mount's own hint,
	// its own backend and the flag, and at nothing else.
	decide func(flag bool, m *Mount, h Hint) (Why, error)

	// why is where a Decision keeps the outcome.
	why func(*Decision) *Why
}

// rules has every knob, in the order in which they are decided.
var rules = []rule{
	{
		knob:    DirectFSKnob,
		allowed: []string{"on", "true", "off", "false", "default"},
		words:   map[string]Setting{"on": On, "true": On, "off": Off, "false": Off, "default": Default},
		reasons: []Reason{BecauseFlagOff, BecauseFlagOn, BecauseHintOff, BecauseHintOn, BecauseCannotDonate, BecauseNotGofer},
		decide:  decideAccess,
		why:     func(d *Decision) *Why { return &d.WhyAccess },
	},
	{
		knob:    CacheKnob,
		allowed: []string{"shared", "exclusive", "default"},
		words:   map[string]Setting{"shared": Shared, "exclusive": Exclusive, "default": Default},
		reasons: []Reason{BecauseDefaultShared, BecauseDefaultExclusive, BecauseHintShared, BecauseHintExclusive},
		decide:  decideCache,
		why:     func(d *Decision) *Why { return &d.WhyCache },
	},
}

func (k Knob) rule() *rule {
	for i := range rules {
		if rules[i].knob == k {
			return &rules[i]
		}
	}
	return nil
}

// Knobs lists every knob.
func Knobs() []Knob {
	all := make([]Knob, len(rules))
	for i, r := range rules {
		all[i] = r.knob
	}
	return all
}

// Allowed lists the words that a user may write for the knob. "true" means
// "on", and "false" means "off".
func (k Knob) Allowed() []string {
	if r := k.rule(); r != nil {
		return slices.Clone(r.allowed)
	}
	return nil
}

// knows reports whether some word of the knob means the setting.
func (r *rule) knows(s Setting) bool {
	for _, known := range r.words {
		if s == known {
			return true
		}
	}
	return false
}
