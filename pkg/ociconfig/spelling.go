package ociconfig

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/directfs/runsc/directfspolicy"
)

// misspelled refuses a key whose field is none of a hint, but so like one that
// it can only be meant for it: the engine ignores it, and its author takes the
// hint for given.
func misspelled(key, prefix, field, value string) error {
	like := similar(field)
	if like == "" || like == field {
		return nil
	}
	return &directfspolicy.HintError{
		Key: key, Value: value, Allowed: []string{prefix + like},
		Fix: "write that key, or remove this one",
		Err: ErrInvalidKey,
	}
}

// engineSpaces are the other words behind "dev.gvisor." in keys of the engine
// and its shim. What follows can be the name of a container or a volume.
var engineSpaces = []string{"bundle", "container-name-remap", "empty-dir", "flag", "internal", "tar"}

// misplaced refuses keys that end like a hint and start almost like one.
func misplaced(annotations map[string]string) []error {
	var errs []error
	for _, key := range slices.Sorted(maps.Keys(annotations)) {
		like := misplacedHint(key)
		if like == "" {
			continue
		}
		errs = append(errs, &directfspolicy.HintError{
			Key: key, Value: annotations[key], Allowed: []string{MountKey("<NAME>", like), rootfsPrefix + like},
			Fix: "write a key of one of these forms, or remove it",
			Err: ErrInvalidKey,
		})
	}
	return errs
}

func misplacedHint(key string) string {
	const typos = 2
	if strings.HasPrefix(key, mountPrefix) || strings.HasPrefix(key, rootfsPrefix) {
		return ""
	}
	words := strings.FieldsFunc(strings.ToLower(strings.TrimSpace(key)), func(r rune) bool { return r == '.' || r == '/' })
	last := len(words) - 1
	if last < 2 || distance(words[0]+"."+words[1], "dev.gvisor") > typos || slices.Contains(engineSpaces, words[2]) {
		return ""
	}
	return similar(words[last])
}

// misspelledOption returns the knob that an option of a bind mount is meant for
// but does not say, or none. The engine would drop such an option. An option of
// another file system does not say directfs or gofer, and has other values than
// hints about a cache mode.
func misspelledOption(opt string) string {
	key, value, hasValue := strings.Cut(opt, "=")
	like := similar(key)
	switch k := directfspolicy.Knob(like); {
	case like == "" || like == key:
		return ""
	case k == directfspolicy.DirectFSKnob:
		if name := letters(key); name == "directio" || name == "direct" {
			return ""
		}
		return like
	case k == directfspolicy.GoferKnob && strings.Contains(value, "/"), hasValue && accepts(k, strings.ToLower(strings.TrimSpace(value))):
		return like
	}
	return ""
}

// hintInOptions refuses options of a name that say something about directfs or a
// cache mode: the engine reads the options of a mount in the sandbox's memory
// there, and drops others.
func hintInOptions(key, name, value string) error {
	for _, opt := range strings.Split(value, ",") {
		meant := misspelledOption(opt)
		if isHintOption(opt) {
			meant = similar(opt[:strings.IndexByte(opt+"=", '=')])
		}
		if meant != "" {
			return &directfspolicy.HintError{
				Key: key, Value: value, Allowed: []string{MountKey(name, meant)},
				Fix: fmt.Sprintf("write %q as a key of its own", opt),
				Err: directfspolicy.ErrInvalidValue,
			}
		}
	}
	return nil
}

// similar returns the knob that a field has in it, or is up to two typos away
// from, or none. Case, white space and separators do not count. No field of the
// engine's is so near to one.
func similar(field string) string {
	if common[field] {
		return ""
	}
	return like(field)
}

// common are words that are in every container and like no knob. Comparing them
// was a tenth of the time of a decision.
var common = map[string]bool{"type": true, "source": true, "share": true, "options": true, "bind": true, "rbind": true, "ro": true, "rw": true}

// like is similar for any word.
func like(field string) string {
	const typos = 2
	if slices.Contains(knobs, directfspolicy.Knob(field)) {
		return field
	}
	field = letters(field)
	for _, k := range knobs {
		// Nothing else has these words in it.
		if isOurs(string(k)) && strings.Contains(field, string(k)) {
			return string(k)
		}
	}
	found, least := "", typos+1
	for _, k := range knobs {
		if n := utf8.RuneCountInString(field) - len(k); n > typos || n < -typos {
			continue
		}
		if d := distance(field, string(k)); d < least {
			found, least = string(k), d
		}
	}
	return found
}

var separators = strings.NewReplacer("-", "", "_", "", " ", "")

// letters is a word without case, white space and separators.
func letters(word string) string {
	return separators.Replace(strings.ToLower(strings.TrimSpace(word)))
}

// distance is how many characters must be added, removed or replaced to make
// one word of the other (Levenshtein).
func distance(one, other string) int {
	a, b := []rune(one), []rune(other)
	var short [16]int // enough for what is like a knob, without an allocation
	row := short[:0]
	for j := range len(b) + 1 {
		row = append(row, j)
	}
	for i := range a {
		before := row[0] // of the row above, one to the left
		row[0] = i + 1
		for j := range b {
			replaced := before
			if a[i] != b[j] {
				replaced++
			}
			before = row[j+1]
			row[j+1] = min(replaced, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}
