package overlaymount

import (
	"fmt"
	"strings"
)

// listLayer is a layer in the value of lowerdir, with its backslashes.
type listLayer struct {
	name string
	role Role
}

// splitLower ends a layer at each colon that no backslash escapes, as
// ovl_parse_param_split_lowerdirs does. A data-only layer has two before it. With
// a problem there is no list.
func splitLower(value string) (layers []listLayer, problem string) {
	if strings.HasPrefix(value, ":") {
		return nil, "begins with a colon: layers cannot be added to those before"
	}
	name, role, colons := "", Lower, 0
	for i := 0; i < len(value); i++ {
		switch {
		case value[i] == '\\' && i+1 < len(value):
			name += value[i : i+2]
			i, colons = i+1, 0
		case value[i] == '\\':
			// The kernel does not look whether a colon is before it.
			name += value[i:]
		case value[i] == ':':
			if colons++; colons > 2 {
				return nil, "has three colons in a row: one begins a lower layer, two a data-only one"
			}
			if colons == 1 {
				layers, name, role = append(layers, listLayer{name, role}), "", Lower
			} else {
				role = Data
			}
		default:
			name += value[i : i+1]
			colons = 0
		}
	}
	if colons > 0 {
		return nil, "ends with a colon"
	}
	return append(layers, listLayer{name, role}), ""
}

// lowerList replaces the layers by those of the option lowerdir. An empty one
// leaves none.
func (p *parser) lowerList(value string) {
	key := string(Lower)
	p.m.Lower, p.m.Data, p.listed = nil, nil, value != ""
	if value == "" {
		return
	}
	layers, problem := splitLower(value)
	if problem != "" {
		p.refuse(CodeColons, key, shorten(value), problem, `write \: for a colon that belongs to a name`)
		return
	}
	if len(layers) > MaxLower {
		p.refuse(CodeTooManyLower, key, "", fmt.Sprintf("names %d layers, more than %d", len(layers), MaxLower), "merge some of them")
		return
	}
	for _, l := range layers {
		p.addLayer(key, l.role, unescape(l.name))
	}
}

// appendLower says what is wrong with one more layer behind those there are.
func (p *parser) appendLower(key, value string) {
	if p.listed {
		p.refuse(CodeMixedLower, key, value, "follows lowerdir, which names all layers", "name all layers with one or the other")
	}
	if len(p.m.Lower)+len(p.m.Data) == MaxLower {
		p.refuse(CodeTooManyLower, key, value, fmt.Sprintf("is layer %d, more than the kernel takes", MaxLower+1), "merge some of them")
	}
}

func (p *parser) addLayer(key string, role Role, path string) {
	path = p.path(key, path)
	if role == Data {
		p.m.Data = append(p.m.Data, path)
		return
	}
	if len(p.m.Data) > 0 {
		p.refuse(CodeDataOrder, key, path, "is a lower layer below a data-only layer", "name the data-only layers last")
	}
	p.m.Lower = append(p.m.Lower, path)
}
