package ociconfig

import (
	"slices"
	"strings"

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
		Fix: "write the key so, or remove it",
		Err: directfspolicy.ErrInvalidValue,
	}
}

// similar returns the knob that a field is up to two typos away from, or none.
// Case, white space and separators do not count. No field of the engine's is so
// near to one.
func similar(field string) string {
	const typos = 2
	knobs := directfspolicy.Knobs()
	if slices.Contains(knobs, directfspolicy.Knob(field)) {
		return field
	}
	field = separators.Replace(strings.ToLower(strings.TrimSpace(field)))
	found, least := "", typos+1
	for _, k := range knobs {
		if difference := len(field) - len(k); difference > typos || -difference > typos {
			continue
		}
		if d := distance(field, string(k)); d < least {
			found, least = string(k), d
		}
	}
	return found
}

var separators = strings.NewReplacer("-", "", "_", "", " ", "")

// distance is how many characters must be added, removed or replaced to make
// one word of the other (Levenshtein).
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		before := row[0] // of the row above, one to the left
		row[0] = i + 1
		for j := range len(b) {
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
