// Package jsontext changes single members of JSON objects in a text, and leaves
// every other byte as it was.
package jsontext

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
)

// Text is a JSON text that Check has accepted.
type Text []byte

// span is a part of a text.
type span struct{ start, end int }

// member is one of an object, by name.
type member struct {
	name       string
	key, value span
}

// object is the positions of an object's parts. open is that of "{".
type object struct {
	open, close int
	members     []member
}

// Check returns an error with line and column where the text is not a JSON
// object, or where an object on a path that this package is asked for would
// have a name twice.
func Check(text []byte) error {
	var v any
	if err := json.Unmarshal(text, &v); err != nil {
		var syntax *json.SyntaxError
		if errors.As(err, &syntax) {
			line, column := position(text, int(syntax.Offset)-1)
			return fmt.Errorf("line %d, column %d: %w", line, column, err)
		}
		return err
	}
	if _, ok := v.(map[string]any); !ok {
		return fmt.Errorf("line 1, column 1: the value is not an object")
	}
	return Text(text).unique(parse(text, start(text, 0)))
}

func (t Text) unique(o object) error {
	seen := map[string]bool{}
	for _, m := range o.members {
		if seen[m.name] {
			line, column := position(t, m.key.start)
			return fmt.Errorf("line %d, column %d: the name %q is there twice", line, column, m.name)
		}
		seen[m.name] = true
	}
	return nil
}

// position returns the line and the column, in bytes, of an offset.
func position(text []byte, offset int) (line, column int) {
	before := text[:max(0, min(offset, len(text)))]
	return 1 + bytes.Count(before, []byte("\n")), len(before) - bytes.LastIndexByte(before, '\n')
}

// Get returns the text of the value at a path of names.
func (t Text) Get(path ...string) (value string, ok bool) {
	_, m, ok := t.find(path)
	if !ok {
		return "", false
	}
	return string(t[m.value.start:m.value.end]), true
}

// Line returns the line of the value at a path.
func (t Text) Line(path ...string) int {
	_, m, ok := t.find(path)
	if !ok {
		return 0
	}
	line, _ := position(t, m.key.start)
	return line
}

// Names returns the names of the object at a path, in the order of the text.
func (t Text) Names(path ...string) ([]string, error) {
	o, err := t.object(path)
	var names []string
	for _, m := range o.members {
		names = append(names, m.name)
	}
	return names, err
}

// find returns the member at a path and the object that it is in. ok is false
// where it is not there, or something on the way is no object.
func (t Text) find(path []string) (object, member, bool) {
	o, err := t.object(path[:len(path)-1])
	if err != nil {
		return object{}, member{}, false
	}
	for _, m := range o.members {
		if m.name == path[len(path)-1] {
			return o, m, true
		}
	}
	return o, member{}, false
}

// object returns the object at a path.
func (t Text) object(path []string) (object, error) {
	at := start(t, 0)
	if len(path) > 0 {
		_, m, ok := t.find(path)
		if !ok {
			return object{}, fmt.Errorf("%s is not there", strings.Join(path, "."))
		}
		at = m.value.start
	}
	if t[at] != '{' {
		line, column := position(t, at)
		return object{}, fmt.Errorf("line %d, column %d: %s is not an object", line, column, strings.Join(path, "."))
	}
	o := parse(t, at)
	return o, t.unique(o)
}

// parse returns the parts of the object at an offset of a valid text.
func parse(text []byte, open int) object {
	o := object{open: open}
	i := start(text, open+1)
	for text[i] != '}' {
		if text[i] == ',' {
			i = start(text, i+1)
		}
		var m member
		m.key = span{i, skip(text, i)}
		if err := json.Unmarshal(text[m.key.start:m.key.end], &m.name); err != nil {
			panic(err) // the text is valid
		}
		i = start(text, start(text, m.key.end)+1) // behind ":"
		m.value = span{i, skip(text, i)}
		o.members = append(o.members, m)
		i = start(text, m.value.end)
	}
	o.close = i
	return o
}

// start returns where the next token begins.
func start(text []byte, i int) int {
	for strings.IndexByte(" \t\r\n", text[i]) >= 0 {
		i++
	}
	return i
}

// skip returns the end of the value at an offset.
func skip(text []byte, i int) int {
	depth := 0
	for {
		switch text[i] {
		case '"':
			for i++; text[i] != '"'; i++ {
				if text[i] == '\\' {
					i++
				}
			}
		case '{', '[':
			depth++
		case '}', ']':
			depth--
		}
		i++
		if depth == 0 && (i == len(text) || strings.IndexByte(",:]} \t\r\n", text[i]) >= 0 || text[i-1] == '"') {
			return i
		}
	}
}
