// Package tomltext adds blocks of lines to TOML files and takes them out again,
// and leaves every other byte as it was.
//
// The parser is github.com/pelletier/go-toml/v2, which containerd reads its
// configuration with, and which depends on nothing. github.com/BurntSushi/toml,
// which podman and gVisor's shim use, accepts all that it accepts and more: with
// that, a block could extend an inline table, and containerd would not start. It
// only reads; what is written is text.
package tomltext

import (
	"errors"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"

	"github.com/pelletier/go-toml/v2"
)

// Parse returns what a text says, or an error with line and column.
func Parse(text []byte) (map[string]any, error) {
	v := map[string]any{}
	err := toml.Unmarshal(text, &v)
	var syntax *toml.DecodeError
	if errors.As(err, &syntax) {
		line, column := syntax.Position()
		return nil, fmt.Errorf("line %d, column %d: %s", line, column, strings.TrimPrefix(syntax.Error(), "toml: "))
	}
	return v, err
}

// Get returns the value at a path of keys.
func Get(values map[string]any, path ...string) (any, bool) {
	for i, key := range path {
		v, ok := values[key]
		if !ok || i == len(path)-1 {
			return v, ok
		}
		if values, ok = v.(map[string]any); !ok {
			return nil, false
		}
	}
	return nil, false
}

// Merge returns the values with others added to their tables, or an error that
// names the first key that both have.
func Merge(values, added map[string]any) (map[string]any, error) {
	all := maps.Clone(values)
	for _, key := range slices.Sorted(maps.Keys(added)) {
		old, taken := all[key]
		if !taken {
			all[key] = added[key]
			continue
		}
		a, aOK := old.(map[string]any)
		b, bOK := added[key].(map[string]any)
		if !aOK || !bOK {
			return nil, fmt.Errorf("the key %s is there already", quoteKey(key))
		}
		inner, err := Merge(a, b)
		if err != nil {
			return nil, err
		}
		all[key] = inner
	}
	return all, nil
}

// without returns the values less the one at a path.
func without(values map[string]any, path ...string) map[string]any {
	less := maps.Clone(values)
	if inner, ok := less[path[0]].(map[string]any); ok && len(path) > 1 {
		less[path[0]] = without(inner, path[1:]...)
	} else if len(path) == 1 {
		delete(less, path[0])
	}
	return less
}

// prune returns the values less tables with nothing in them: whether such a
// table is there depends on how a text was written.
func prune(values map[string]any) map[string]any {
	kept := map[string]any{}
	for key, v := range values {
		if inner, ok := v.(map[string]any); ok {
			if inner = prune(inner); len(inner) == 0 {
				continue
			}
			v = inner
		}
		kept[key] = v
	}
	return kept
}

func equal(a, b map[string]any) bool { return reflect.DeepEqual(prune(a), prune(b)) }

// Key writes a path of keys as TOML has it.
func Key(path ...string) string {
	quoted := make([]string, len(path))
	for i, key := range path {
		quoted[i] = quoteKey(key)
	}
	return strings.Join(quoted, ".")
}

func quoteKey(key string) string {
	bare := func(r rune) bool {
		return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '_' || r == '-'
	}
	if key != "" && strings.IndexFunc(key, func(r rune) bool { return !bare(r) }) < 0 {
		return key
	}
	return Quote(key)
}

// Quote writes a text as a TOML string.
func Quote(s string) string {
	var b strings.Builder
	b.WriteByte('"')
	for _, r := range s {
		switch {
		case r == '"' || r == '\\':
			b.WriteByte('\\')
			b.WriteRune(r)
		case r < ' ' || r == 0x7f:
			fmt.Fprintf(&b, `\u%04x`, r)
		default:
			b.WriteRune(r)
		}
	}
	return b.String() + `"`
}
