package directfspolicy

import "slices"

// Reason says why a mount got what it got of one knob. The reason alone implies
// the value.
type Reason uint8

const (
	// BecauseFlagOff: --directfs=false and no hint.
	BecauseFlagOff Reason = iota

	// BecauseFlagOn: --directfs=true and no hint.
	BecauseFlagOn

	// BecauseHintOff: a hint asks for LisaFS.
	BecauseHintOff

	// BecauseHintOn: a hint asks for directfs.
	BecauseHintOn

	// BecauseCannotDonate: --directfs=true, and the backend has no root FD.
	BecauseCannotDonate

	// BecauseNotGofer: no gofer serves the mount.
	BecauseNotGofer

	// BecauseDefaultShared and BecauseDefaultExclusive: no hint asks for a
	// cache mode. It is what the runtime does with such a mount.
	BecauseDefaultShared
	BecauseDefaultExclusive

	// BecauseHintShared and BecauseHintExclusive: a hint asks for it.
	BecauseHintShared
	BecauseHintExclusive
)

// reasonTable says for each reason what it implies: a value of its knob, and
// what [Why] names beside it.
var reasonTable = [...]struct {
	word    string
	access  Access
	cache   Cache
	setting Setting // of the hint
	backend bool    // whether the backend is named
}{
	BecauseFlagOff:          {word: "flag-off"},
	BecauseFlagOn:           {word: "flag-on", access: DirectFS},
	BecauseHintOff:          {word: "hint-off", setting: Off},
	BecauseHintOn:           {word: "hint-on", access: DirectFS, setting: On},
	BecauseCannotDonate:     {word: "cannot-donate", backend: true},
	BecauseNotGofer:         {word: "not-gofer", access: NoAccess},
	BecauseDefaultShared:    {word: "default-shared"},
	BecauseDefaultExclusive: {word: "default-exclusive", cache: CacheExclusive},
	BecauseHintShared:       {word: "hint-shared", setting: Shared},
	BecauseHintExclusive:    {word: "hint-exclusive", cache: CacheExclusive, setting: Exclusive},
}

var reasonNames = func() enum[Reason] {
	e := enum[Reason]{kind: "reason"}
	for _, r := range reasonTable {
		e.words = append(e.words, r.word)
	}
	return e
}()

// String returns the reason as one word, such as "flag-on" or "hint-off".
func (r Reason) String() string { return reasonNames.name(r) }

// possible reports whether the reason can be given under the flag.
func (r Reason) possible(flag bool) bool {
	switch r {
	case BecauseFlagOff:
		return !flag
	case BecauseFlagOn, BecauseCannotDonate:
		return flag
	}
	return true
}

// Why is the reason of one decision, with what it names.
//
// Invariants: Key is set exactly where a hint decided, and Backend exactly
// where it cannot donate.
type Why struct {
	Reason Reason

	// Key is the key of the hint, and PodWide is as in [Hint].
	Key     string
	PodWide bool

	// Backend names the backend, for people.
	Backend string
}

// Hint returns the hint that decided, if one did.
func (w Why) Hint() (Hint, bool) {
	if w.Key == "" || !reasonNames.knows(w.Reason) {
		return Hint{}, false
	}
	k := DirectFSKnob
	for _, r := range rules {
		if slices.Contains(r.reasons, w.Reason) {
			k = r.knob
		}
	}
	return Hint{Knob: k, Key: w.Key, Setting: reasonTable[w.Reason].setting, PodWide: w.PodWide}, true
}

// String returns the reason in words, with what it names.
func (w Why) String() string {
	if h, ok := w.Hint(); ok {
		return "hint " + h.String()
	}
	switch w.Reason {
	case BecauseFlagOff:
		return "--directfs=false"
	case BecauseFlagOn:
		return "--directfs=true"
	case BecauseCannotDonate:
		return w.Backend + " cannot donate a root FD"
	case BecauseNotGofer:
		return "not a gofer mount"
	case BecauseDefaultShared, BecauseDefaultExclusive:
		return "default"
	}
	return w.Reason.String()
}

// consistent reports whether the reason is one of the rule's, and names what it
// must and nothing else.
func (w Why) consistent(r rule) bool {
	if !slices.Contains(r.reasons, w.Reason) {
		return false
	}
	e := reasonTable[w.Reason]
	return (e.setting != Unset) == (w.Key != "") && e.backend == (w.Backend != "") &&
		(w.Key != "" || !w.PodWide) && isText(w.Key) && isText(w.Backend)
}
