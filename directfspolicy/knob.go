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

	// words is what users may write, in the order in which they are told, and
	// what each of them means.
	words []word

	// reasons are those that a decision about the knob can have.
	reasons []reason

	// decide is the whole rule for one mount. It looks at the mount's own hint,
	// its own backend and the flag, and at nothing else.
	decide func(flag bool, m *Mount, h Hint) (Why, error)

	// why is where a Decision keeps the outcome.
	why func(*Decision) *Why
}

// word is something that users may write about a knob.
type word struct {
	text  string
	means Setting
}

// rules has every knob, in the order in which they are decided.
var rules = []rule{
	{
		knob:    DirectFSKnob,
		words:   []word{{"on", On}, {"true", On}, {"off", Off}, {"false", Off}, {"default", Default}},
		reasons: []reason{becauseFlagOff, becauseFlagOn, becauseHintOff, becauseHintOn, becauseCannotDonate, becauseNotGofer},
		decide:  decideAccess,
		why:     func(d *Decision) *Why { return &d.WhyAccess },
	},
	{
		knob:    CacheKnob,
		words:   []word{{"shared", Shared}, {"exclusive", Exclusive}, {"default", Default}},
		reasons: []reason{becauseDefaultShared, becauseDefaultExclusive, becauseHintShared, becauseHintExclusive},
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
	var all []string
	if r := k.rule(); r != nil {
		for _, w := range r.words {
			all = append(all, w.text)
		}
	}
	return all
}

// knows reports whether some word of the knob means the setting.
func (r *rule) knows(s Setting) bool {
	return slices.ContainsFunc(r.words, func(w word) bool { return w.means == s })
}
