package directfspolicy

import "slices"

// reason says why a mount got what it got of one knob. The reason alone implies
// the value.
type reason uint8

const (
	// becauseFlagOff: --directfs=false and no hint.
	becauseFlagOff reason = iota

	// becauseFlagOn: --directfs=true and no hint.
	becauseFlagOn

	// becauseHintOff: a hint asks for LisaFS.
	becauseHintOff

	// becauseHintOn: a hint asks for directfs.
	becauseHintOn

	// becauseCannotDonate: --directfs=true, and the backend has no root FD.
	becauseCannotDonate

	// becauseNotGofer: no gofer serves the mount.
	becauseNotGofer

	// becauseDefaultShared and becauseDefaultExclusive: no hint asks for a
	// cache mode. It is what the runtime does with such a mount.
	becauseDefaultShared
	becauseDefaultExclusive

	// becauseHintShared and becauseHintExclusive: a hint asks for it.
	becauseHintShared
	becauseHintExclusive

	// becauseDefaultGofer: no hint names a gofer.
	becauseDefaultGofer

	// becauseHintGofer: a hint does.
	becauseHintGofer
)

// reasonTable says for each reason what it implies: a value of its knob, and
// what [Why] names beside it.
var reasonTable = [...]struct {
	word    string
	access  Access
	cache   Cache
	setting Setting // of the hint
	names   bool    // whether the hint's setting is a name instead
	backend bool    // whether the backend may be named
}{
	becauseFlagOff:          {word: "flag-off"},
	becauseFlagOn:           {word: "flag-on", access: DirectFS},
	becauseHintOff:          {word: "hint-off", setting: Off},
	becauseHintOn:           {word: "hint-on", access: DirectFS, setting: On},
	becauseCannotDonate:     {word: "cannot-donate", backend: true},
	becauseNotGofer:         {word: "not-gofer", access: NoAccess},
	becauseDefaultShared:    {word: "default-shared"},
	becauseDefaultExclusive: {word: "default-exclusive", cache: CacheExclusive},
	becauseHintShared:       {word: "hint-shared", setting: Shared},
	becauseHintExclusive:    {word: "hint-exclusive", cache: CacheExclusive, setting: Exclusive},
	becauseDefaultGofer:     {word: "default-gofer"},
	becauseHintGofer:        {word: "hint-gofer", names: true},
}

var reasonNames = func() enum[reason] {
	e := enum[reason]{kind: "reason"}
	for _, r := range reasonTable {
		e.words = append(e.words, r.word)
	}
	return e
}()

func (r reason) String() string { return reasonNames.name(r) }

// possible reports whether the reason can be given under the flag.
func (r reason) possible(flag bool) bool {
	switch r {
	case becauseFlagOff:
		return !flag
	case becauseFlagOn, becauseCannotDonate:
		return flag
	}
	return true
}

// Why is the reason of one decision, with what it names.
//
// Invariants: key is set exactly where a hint decided, name exactly where that
// names a gofer, and backend only where it cannot donate.
type Why struct {
	reason reason

	// key is the key of the hint, and podWide is as in [Hint].
	key     string
	podWide bool

	// name is the hint's setting, where that is a name.
	name Setting

	// backend is how the backend is called, or empty if it has no name.
	backend string
}

// Reason returns the reason as one word: "flag-off", "flag-on", "hint-off",
// "hint-on", "cannot-donate" or "not-gofer" for the access, and
// "default-shared", "default-exclusive", "hint-shared" or "hint-exclusive" for
// the cache mode, and "default-gofer" or "hint-gofer" for who serves the mount.
// With the hint, if there is one, it implies the value.
func (w Why) Reason() string { return w.reason.String() }

// Hint returns the hint that decided, if one did.
func (w Why) Hint() (Hint, bool) {
	if w.key == "" || !reasonNames.knows(w.reason) {
		return Hint{}, false
	}
	k := DirectFSKnob
	for _, r := range rules {
		if slices.Contains(r.reasons, w.reason) {
			k = r.knob
		}
	}
	setting := reasonTable[w.reason].setting
	if reasonTable[w.reason].names {
		setting = w.name
	}
	return Hint{Knob: k, Key: w.key, Setting: setting, PodWide: w.podWide}, true
}

// String returns the reason in words, with what it names.
func (w Why) String() string {
	if h, ok := w.Hint(); ok {
		return "hint " + h.String()
	}
	switch w.reason {
	case becauseFlagOff:
		return "--directfs=false"
	case becauseFlagOn:
		return "--directfs=true"
	case becauseCannotDonate:
		m := Mount{Backend: VirtualGofer, BackendName: w.backend}
		return m.backendName() + " cannot donate a root FD"
	case becauseNotGofer:
		return "not a gofer mount"
	case becauseDefaultShared, becauseDefaultExclusive, becauseDefaultGofer:
		return "default"
	}
	return w.reason.String()
}

// consistent reports whether the reason is one of the rule's, and names what it
// must and nothing else.
func (w Why) consistent(r rule) bool {
	if !slices.Contains(r.reasons, w.reason) {
		return false
	}
	e := reasonTable[w.reason]
	if _, named := goferName(w.name); named != e.names || !named && w.name != "" {
		return false
	}
	return (e.setting != Unset || e.names) == (w.key != "") && (e.backend || w.backend == "") &&
		(w.key != "" || !w.podWide) && isText(w.key) && isText(w.backend)
}
