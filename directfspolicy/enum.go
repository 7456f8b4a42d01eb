package directfspolicy

import (
	"fmt"
	"slices"
	"strings"
)

// enum maps the values of a small integer type to words and back. The word of
// value i is words[i]; the zero value is the one that a forgotten decision has.
type enum[T ~uint8] struct {
	kind  string
	words []string
}

func (e enum[T]) knows(v T) bool { return int(v) < len(e.words) }

func (e enum[T]) name(v T) string {
	if e.knows(v) {
		return e.words[v]
	}
	return fmt.Sprintf("unknown %s %d", e.kind, uint8(v))
}

func (e enum[T]) parse(word string) (T, error) {
	i := slices.Index(e.words, word)
	if i < 0 {
		return 0, fmt.Errorf("unknown %s %q, want %s", e.kind, word, strings.Join(e.words, ", "))
	}
	return T(i), nil
}
