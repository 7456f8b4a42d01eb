package directfspolicy

import (
	"fmt"
	"slices"
	"strings"
)

// enum maps the values of a small integer type to words and back. The word of
// value i is words[i]; the zero value is always the one that grants nothing.
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

func (e enum[T]) marshal(v T) ([]byte, error) {
	if !e.knows(v) {
		return nil, fmt.Errorf("unknown %s %d", e.kind, uint8(v))
	}
	return []byte(e.words[v]), nil
}

func (e enum[T]) unmarshal(b []byte, v *T) error {
	i := slices.Index(e.words, string(b))
	if i < 0 {
		return fmt.Errorf("unknown %s %q, want %s", e.kind, b, strings.Join(e.words, ", "))
	}
	*v = T(i)
	return nil
}
