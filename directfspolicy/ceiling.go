package directfspolicy

import (
	"fmt"
	"strings"
)

// Ceiling is the operator's limit on what hints may ask for: --directfs-hints.
// The zero value, AllHints, is for a runtime whose specs are written by root.
type Ceiling uint8

const (
	// AllHints lets every hint count.
	AllHints Ceiling = iota

	// NarrowHints lets a hint only take directfs away: one that asks for it
	// where the flag does not grant it already is refused. Cache modes, which
	// give no process anything, may be asked for.
	NarrowHints

	// NoHints refuses every hint.
	NoHints
)

var ceilingNames = enum[Ceiling]{"--directfs-hints", []string{"all", "narrow", "none"}}

// String returns "all", "narrow" or "none".
func (c Ceiling) String() string { return ceilingNames.name(c) }

// MarshalText returns the word of the ceiling. With UnmarshalText it makes a
// Ceiling a flag (flag.TextVar).
func (c Ceiling) MarshalText() ([]byte, error) {
	if !ceilingNames.knows(c) {
		return nil, fmt.Errorf("%w: %v", ErrInvalidValue, c)
	}
	return []byte(c.String()), nil
}

// UnmarshalText reads a value of --directfs-hints. With an error c becomes
// NoHints, the strictest one.
func (c *Ceiling) UnmarshalText(word []byte) error {
	var err error
	if *c, err = ceilingNames.parse(string(word)); err != nil {
		*c = NoHints
		return fmt.Errorf("--directfs-hints=%q: %w; allowed: %s", word, ErrInvalidValue, strings.Join(ceilingNames.words, ", "))
	}
	return nil
}

// permit refuses a hint that is above the ceiling. mount is "" if it matches
// none.
func (c Container) permit(mount string, h Hint) error {
	if h.Setting == Unset {
		return nil
	}
	refuse := func(fix string, allowed ...string) error {
		return &HintError{Key: h.Key, Value: string(h.Setting), Mount: mount, Allowed: allowed, Fix: fix, Err: ErrCeiling}
	}
	switch {
	case c.Ceiling == AllHints:
		return nil
	case c.Ceiling == NarrowHints && (h.Setting != On || c.Flag):
		return nil
	case c.Ceiling == NarrowHints:
		return refuse("--directfs-hints=narrow lets a hint only take directfs away, and --directfs=false does not grant it: remove the hint, or ask the operator", "off", "false", "default")
	}
	return refuse("--directfs-hints=none refuses every hint: remove it, or ask the operator")
}
