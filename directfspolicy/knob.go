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

	// GoferKnob decides which gofer serves the mount: a [GoferName], or the stock
	// one.
	GoferKnob Knob = "gofer"
)

// rule is all that distinguishes one knob from another.
type rule struct {
	knob Knob

	// words is what users may write, in the order in which they are told, and
	// what each of them means.
	words []word

	// form is what users may write beside the words, in short, and names reports
	// whether a setting is of that form. fix is what to do about a value that is
	// neither.
	form  string
	names func(Setting) bool
	fix   string

	// reasons are those that a decision about the knob can have.
	reasons []reason

	// decide is the whole rule for one mount. It looks at the mount's own hint,
	// its own backend and at what the Request says of no mount, and at nothing
	// else.
	decide func(s *resolver, m *Mount, h Hint) (Why, error)

	// why is where a Decision keeps the outcome.
	why func(*Decision) *Why
}

// word is something that users may write about a knob.
type word struct {
	text  string
	means Setting
}

// rules has every knob. Access and cache mode depend on who serves the mount, so
// GoferKnob is decided before them; see [resolver.decide].
var rules = []rule{
	{
		knob:    DirectFSKnob,
		words:   []word{{"on", On}, {"true", On}, {"off", Off}, {"false", Off}, {"default", Default}},
		reasons: []reason{becauseFlagOff, becauseFlagOn, becauseHintOff, becauseHintOn, becauseCannotDonate, becauseNotGofer},
		decide:  decideAccess,
		fix:     fixWord,
		why:     func(d *Decision) *Why { return &d.WhyAccess },
	},
	{
		knob:    CacheKnob,
		words:   []word{{"shared", Shared}, {"exclusive", Exclusive}, {"default", Default}},
		reasons: []reason{becauseDefaultShared, becauseDefaultExclusive, becauseHintShared, becauseHintExclusive},
		decide:  decideCache,
		fix:     fixWord,
		why:     func(d *Decision) *Why { return &d.WhyCache },
	},
	{
		knob:    GoferKnob,
		words:   []word{{"default", Default}},
		form:    goferForm,
		names:   func(s Setting) bool { _, ok := goferName(s); return ok },
		reasons: []reason{becauseDefaultGofer, becauseHintGofer},
		decide:  decideGofer,
		fix:     "name a backend that is registered with the runtime and a volume of it, such as blob/models, and no path or URL; or remove the key",
		why:     func(d *Decision) *Why { return &d.WhyGofer },
	},
}

const fixWord = "write one of the allowed values or remove the key"

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

// Allowed lists what a user may write for the knob: words, and for GoferKnob the
// form of a name. "true" means "on", and "false" means "off".
func (k Knob) Allowed() []string {
	var all []string
	if r := k.rule(); r != nil {
		if r.form != "" {
			all = append(all, r.form)
		}
		for _, w := range r.words {
			all = append(all, w.text)
		}
	}
	return all
}

// knows reports whether something that users may write means the setting.
func (r *rule) knows(s Setting) bool {
	return r.names != nil && r.names(s) || slices.ContainsFunc(r.words, func(w word) bool { return w.means == s })
}
