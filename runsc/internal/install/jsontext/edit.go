package jsontext

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
)

// Set returns the text with the value at a path changed, or added to an object
// that is there. What is added comes first in its object and in that object's
// own style, so that a diff has added lines alone, and Remove returns the bytes
// that were there before.
func (t Text) Set(value any, path ...string) (Text, error) {
	o, m, there := t.find(path)
	if o.close == 0 {
		_, err := t.object(path[:len(path)-1])
		return nil, err
	}
	s := t.style(o, len(path))
	if there {
		return t.replace(m.value, s.render(value)), nil
	}
	added := s.gap() + compact(path[len(path)-1]) + ": " + s.render(value)
	if len(o.members) > 0 {
		added += ","
		if s.gap() == "" {
			added += " "
		}
	}
	return t.replace(span{o.open + 1, o.open + 1}, added), nil
}

// SetText puts a text in the place of the value at a path, which must be there.
func (t Text) SetText(value string, path ...string) (Text, error) {
	_, m, ok := t.find(path)
	if !ok {
		return nil, fmt.Errorf("%s is not there", strings.Join(path, "."))
	}
	return t.replace(m.value, value), nil
}

// Remove returns the text without the member at a path, which must be there,
// and without one comma.
func (t Text) Remove(path ...string) (Text, error) {
	o, m, ok := t.find(path)
	if !ok {
		return nil, fmt.Errorf("%s is not there", strings.Join(path, "."))
	}
	i := slices.IndexFunc(o.members, func(other member) bool { return other.key == m.key })
	last := i == len(o.members)-1
	cut := span{o.open + 1, m.value.end}
	switch {
	case i == 0 && !last:
		cut.end = t.behindComma(m)
		if m.key.start == o.open+1 && t[cut.end] == ' ' {
			cut.end++
		}
	case i > 0 && last:
		cut.start = o.members[i-1].value.end
	case i > 0:
		cut = span{t.behindComma(o.members[i-1]), t.behindComma(m)}
	}
	return t.replace(cut, ""), nil
}

// behindComma returns where the comma after a member ends.
func (t Text) behindComma(m member) int { return start(t, m.value.end) + 1 }

func (t Text) replace(s span, by string) Text {
	return slices.Concat(t[:s.start], []byte(by), t[s.end:])
}

// style is how the members of an object are written.
type style struct {
	newline string // before each of them; empty: all are on one line
	before  string // the blanks before each of them
	indent  string // how much further in the members of their values are
}

func (s style) gap() string { return s.newline + s.before }

// style returns that of an object: what is before its first member. depth is
// that of its members.
func (t Text) style(o object, depth int) style {
	end := o.close
	if len(o.members) > 0 {
		end = o.members[0].key.start
	}
	gap := string(t[o.open+1 : end])
	lf := strings.LastIndexByte(gap, '\n')
	switch {
	case lf < 0 && len(o.members) == 0:
		return style{}
	case lf < 0:
		return style{before: gap}
	}
	s := style{newline: "\n", before: gap[lf+1:], indent: "    "}
	if len(o.members) == 0 {
		s.before = strings.Repeat(s.indent, depth)
	} else if n := len(s.before) / depth; n > 0 {
		s.indent = s.before[:n]
	}
	if lf > 0 && gap[lf-1] == '\r' {
		s.newline = "\r\n"
	}
	return s
}

// render returns a value as that of a member.
func (s style) render(value any) string {
	if s.newline == "" {
		return compact(value)
	}
	text := encode(value, func(e *json.Encoder) { e.SetIndent(s.before, s.indent) })
	return strings.ReplaceAll(text, "\n", s.newline)
}

// compact returns a value on one line, with a blank behind each comma and colon
// as people write it.
func compact(value any) string {
	text := encode(value, func(*json.Encoder) {})
	var b strings.Builder
	for i := 0; i < len(text); {
		end := i + 1
		if text[i] == '"' {
			end = skip([]byte(text), i)
		}
		b.WriteString(text[i:end])
		if text[i] == ',' || text[i] == ':' {
			b.WriteByte(' ')
		}
		i = end
	}
	return b.String()
}

func encode(value any, format func(*json.Encoder)) string {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	format(e)
	if err := e.Encode(value); err != nil {
		panic(err) // callers pass maps, lists and texts
	}
	return strings.TrimSuffix(b.String(), "\n")
}
