package directfspolicy

import "fmt"

// Setting is what a user said about the access of one mount.
type Setting uint8

const (
	// Unset is the absence of a hint.
	Unset Setting = iota

	// Default follows the flag, stated explicitly.
	Default

	// On asks for directfs.
	On

	// Off asks for LisaFS.
	Off
)

// AllowedValues are the words that a user may write for a directfs hint.
// "true" means "on" and "false" means "off".
var AllowedValues = []string{"on", "true", "off", "false", "default"}

var settingNames = enum[Setting]{"setting", []string{"unset", "default", "on", "off"}}

// String returns "unset", "default", "on" or "off".
func (s Setting) String() string { return settingNames.name(s) }

// MarshalText implements encoding.TextMarshaler.
func (s Setting) MarshalText() ([]byte, error) { return settingNames.marshal(s) }

// UnmarshalText implements encoding.TextUnmarshaler.
func (s *Setting) UnmarshalText(b []byte) error { return settingNames.unmarshal(b, s) }

func (s Setting) allowed() []string { return AllowedValues }

func (s Setting) known() bool { return settingNames.knows(s) }

// setting is what a hint can ask for. The zero value asks for nothing.
type setting interface {
	~uint8
	fmt.Stringer
	allowed() []string
	known() bool
}

// HintOf is one statement of a user about one mount, with the key under which
// it was made, so that reasons and errors can name it.
type HintOf[S setting] struct {
	// Key is the annotation key or the mount option, as the user wrote it. A
	// hint that is not Unset must have one.
	Key string `json:"key"`

	// Setting is what the user asked for. The zero one makes the hint a no-op.
	Setting S `json:"setting"`
}

// Hint is a statement about a mount's access.
type Hint = HintOf[Setting]

// CacheHint is a statement about a mount's cache mode.
type CacheHint = HintOf[CacheSetting]

// String returns the hint as the user would write it.
func (h HintOf[S]) String() string { return h.Key + "=" + h.Setting.String() }

// ParseHint reads the value of a directfs hint that was made under key. mount
// is the destination, or whatever is known of it; it is used in the error
// alone. Every word outside [AllowedValues], the empty one included, is a
// *HintError with ErrInvalidValue: a typing error never falls back to a
// default.
func ParseHint(key, value, mount string) (Hint, error) {
	switch value {
	case "on", "true":
		return Hint{key, On}, nil
	case "off", "false":
		return Hint{key, Off}, nil
	case "default":
		return Hint{key, Default}, nil
	}
	return Hint{}, invalidValue(key, value, mount, AllowedValues)
}

func invalidValue(key, value, mount string, allowed []string) error {
	return &HintError{
		Key: key, Value: value, Mount: mount, Allowed: allowed,
		Fix: "write one of the allowed values or remove the key",
		Err: ErrInvalidValue,
	}
}

// combine folds all hints of one mount into one. Hints that differ are an
// error: neither a mount option nor an annotation wins over the other.
func combine[S setting](mount string, hints []HintOf[S]) (HintOf[S], error) {
	var all, none HintOf[S]
	for _, h := range hints {
		if err := checkHint(mount, h); err != nil {
			return none, err
		}
		switch {
		case h.Setting == 0:
		case all.Setting == 0:
			all = h
		case all.Setting != h.Setting:
			return none, &HintError{
				Key: h.Key, Value: h.Setting.String(), Mount: mount, Allowed: []string{all.Setting.String()},
				Fix: fmt.Sprintf("make it agree with %s, or remove one of the two", all),
				Err: ErrConflict,
			}
		}
	}
	return all, nil
}
