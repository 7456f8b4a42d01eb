package directfspolicy

import "fmt"

// Setting is what a user said about one mount.
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

// AllowedValues are the words that a user may write for a hint.
// "true" means "on" and "false" means "off".
var AllowedValues = []string{"on", "true", "off", "false", "default"}

var settingNames = enum[Setting]{"setting", []string{"unset", "default", "on", "off"}}

// String returns "unset", "default", "on" or "off".
func (s Setting) String() string { return settingNames.name(s) }

// MarshalText implements encoding.TextMarshaler.
func (s Setting) MarshalText() ([]byte, error) { return settingNames.marshal(s) }

// UnmarshalText implements encoding.TextUnmarshaler.
func (s *Setting) UnmarshalText(b []byte) error { return settingNames.unmarshal(b, s) }

// Hint is one statement of a user about one mount, with the key under which it
// was made, so that reasons and errors can name it.
type Hint struct {
	// Key is the annotation key or the mount option, as the user wrote it. A
	// hint that is not Unset must have one.
	Key string `json:"key"`

	// Setting is what the user asked for. Unset makes the Hint a no-op.
	Setting Setting `json:"setting"`
}

// String returns the hint as the user would write it.
func (h Hint) String() string { return h.Key + "=" + h.Setting.String() }

// ParseHint reads the value of a hint that was made under key. mount is the
// destination, or whatever is known of it; it is used in the error alone.
// Every word outside [AllowedValues], the empty one included, is a *HintError
// with ErrInvalidValue: a typing error never falls back to a default.
func ParseHint(key, value, mount string) (Hint, error) {
	switch value {
	case "on", "true":
		return Hint{key, On}, nil
	case "off", "false":
		return Hint{key, Off}, nil
	case "default":
		return Hint{key, Default}, nil
	}
	return Hint{}, &HintError{
		Key: key, Value: value, Mount: mount, Allowed: AllowedValues,
		Fix: "write one of the allowed values or remove the key",
		Err: ErrInvalidValue,
	}
}

// combine folds all hints of one mount into one. Hints that differ are an
// error: neither a mount option nor an annotation wins over the other.
func combine(mount string, hints []Hint) (Hint, error) {
	var all Hint
	for _, h := range hints {
		if err := checkHint(mount, h); err != nil {
			return Hint{}, err
		}
		switch {
		case h.Setting == Unset:
		case all.Setting == Unset:
			all = h
		case all.Setting != h.Setting:
			return Hint{}, &HintError{
				Key: h.Key, Value: h.Setting.String(), Mount: mount, Allowed: []string{all.Setting.String()},
				Fix: fmt.Sprintf("make it agree with %s, or remove one of the two", all),
				Err: ErrConflict,
			}
		}
	}
	return all, nil
}
