package directfspolicy

import "fmt"

// Setting is what a user asks for by a hint, in the one spelling that means it:
// one of the words below or, about [GoferKnob], a [GoferName]. None but Default
// is about two knobs. The zero value, Unset, asks for nothing.
type Setting string

const (
	// Unset is the absence of a hint.
	Unset Setting = ""

	// Default follows what holds without a hint, stated explicitly.
	Default Setting = "default"

	// On asks for directfs, and Off for LisaFS.
	On  Setting = "on"
	Off Setting = "off"

	// Shared and Exclusive ask for CacheShared and CacheExclusive.
	Shared    Setting = "shared"
	Exclusive Setting = "exclusive"
)

// Hint is one statement of a user about one knob of one mount, with the key
// under which it was made, so that reasons and errors can name it.
type Hint struct {
	// Knob is what the hint is about.
	Knob Knob `json:"knob"`

	// Key is the annotation key or the mount option, as the user wrote it. A
	// hint that is not Unset must have one.
	Key string `json:"key"`

	// Setting is what the user asks for.
	Setting Setting `json:"setting"`

	// PodWide says that every container of a pod has the hint, so that a
	// container which joins later may bring it to life. Whoever reads hints
	// knows; nothing hangs on how Key is spelled.
	PodWide bool `json:"podWide,omitempty"`
}

// String returns the hint as the user would write it.
func (h Hint) String() string { return h.Key + "=" + string(h.Setting) }

// SourceHint is a hint that says by a source which mounts it is for: every
// mount but the rootfs whose files are the source's, or inside it.
//
// For a mount that a hint lets another gofer serve, whose source is only a name,
// a source hint counts where SourceName is the mount's. So does one that names
// such a gofer, for every mount.
type SourceHint struct {
	Hint
	Source Source

	// SourceName is the source as the user wrote it: absolute and cleaned, but
	// not resolved. Empty names no mount.
	SourceName string

	// Below is what is mounted in the source. It has file systems of its own,
	// to which other paths may lead. It counts as inside the source where the
	// hint turns directfs off, and for nothing else: a hint must not widen what
	// it does not name.
	Below []Source
}

// sources are those whose files the hint is for.
func (h SourceHint) sources() []Source {
	all := []Source{h.Source}
	if h.Setting == Off {
		all = append(all, h.Below...)
	}
	return all
}

// ParseHint reads the value of a hint that was made under key. mount is the
// destination, or whatever is known of it; it is used in the error alone. Every
// value outside [Knob.Allowed], the empty one included, is a *HintError with
// ErrInvalidValue: a typo never falls back to a default.
func ParseHint(k Knob, key, value, mount string) (Hint, error) {
	fix := fixWord
	if r := k.rule(); r != nil {
		for _, w := range r.words {
			if w.text == value {
				return Hint{Knob: k, Key: key, Setting: w.means}, nil
			}
		}
		if r.names != nil && r.names(Setting(value)) {
			return Hint{Knob: k, Key: key, Setting: Setting(value)}, nil
		}
		fix = r.fix
	}
	return Hint{}, &HintError{Key: key, Value: value, Mount: mount, Allowed: k.Allowed(), Fix: fix, Err: ErrInvalidValue}
}

// combine folds all hints of one mount about a knob into one. Hints that differ
// are an error: neither a mount option nor an annotation wins over the other.
// Of hints that agree a pod-wide one is kept, because it says more.
func combine(k Knob, mount string, hints []Hint) (Hint, error) {
	var all Hint
	for _, h := range hints {
		switch {
		case h.Knob != k || h.Setting == Unset:
		case all.Setting == Unset || all.Setting == h.Setting && h.PodWide && !all.PodWide:
			all = h
		case all.Setting != h.Setting:
			return Hint{}, &HintError{
				Key: h.Key, Value: string(h.Setting), Mount: mount, Allowed: []string{string(all.Setting)},
				Fix: fmt.Sprintf("make it agree with %s, or remove one of the two", all),
				Err: ErrConflict,
			}
		}
	}
	return all, nil
}

// check refuses a hint that no reason or error could name.
func (h Hint) check(mount string) error {
	r := h.Knob.rule()
	switch {
	case h.Setting == Unset:
		return nil
	case r == nil:
		return fmt.Errorf("%w: hint %q is about the unknown knob %q", ErrInvalidRequest, h, h.Knob)
	case !r.knows(h.Setting):
		return &HintError{
			Key: h.Key, Value: string(h.Setting), Mount: mount, Allowed: h.Knob.Allowed(),
			Fix: "use a Setting of this knob",
			Err: ErrInvalidValue,
		}
	case h.Key == "" || !isText(h.Key):
		return fmt.Errorf("%w: the key of hint %q is empty or not in UTF-8", ErrInvalidRequest, h)
	}
	return nil
}
