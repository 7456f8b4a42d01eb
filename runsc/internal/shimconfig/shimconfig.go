// Package shimconfig reads the runtime's options from the configuration of the
// containerd shim, such as /etc/containerd/runsc.toml.
package shimconfig

import (
	"fmt"
	"strconv"
	"strings"
)

// Table is the table of the shim's file that has the runtime's options.
const Table = "runsc_config"

// Parse returns the strings of the table. It knows the part of TOML in
// which such files are written, and refuses what it does not know, because an
// option that is missed makes wrong answers.
func Parse(text string) (map[string]string, error) {
	values := map[string]string{}
	inTable := false
	for i, line := range strings.Split(text, "\n") {
		line = strings.TrimSpace(line)
		wrong := func(what string) error {
			return fmt.Errorf("line %d: %s; write [%s], and below it lines of the form: option = \"value\"", i+1, what, Table)
		}
		switch key, rest, isPair := strings.Cut(line, "="); {
		case line == "" || line[0] == '#':
		case strings.Contains(line, `"""`) || strings.Contains(line, "'''"):
			return nil, wrong("a string of several lines")
		case line[0] == '[':
			name, err := tableName(line)
			if err != nil {
				return nil, wrong(err.Error())
			}
			inTable = name == Table
		case !inTable && strings.HasPrefix(strings.Trim(line, `"'`), Table):
			return nil, wrong("the table is written in another form")
		case !inTable:
		case !isPair:
			return nil, wrong(fmt.Sprintf("%q is no pair", line))
		default:
			key = strings.Trim(strings.TrimSpace(key), `"'`)
			v, err := tomlString(strings.TrimSpace(rest))
			if err != nil {
				return nil, wrong(fmt.Sprintf("%s: %v", key, err))
			}
			if _, twice := values[key]; twice {
				return nil, wrong(key + " is there twice")
			}
			values[key] = v
		}
	}
	return values, nil
}

// tableName returns the name in the header of a table.
func tableName(line string) (string, error) {
	name, rest, closed := strings.Cut(line[1:], "]")
	if rest = strings.TrimSpace(rest); !closed || rest != "" && rest[0] != '#' {
		return "", fmt.Errorf("%q is no header of a table", line)
	}
	return strings.Trim(strings.TrimSpace(name), `"'`), nil
}

// tomlString reads a string of one line, and what may follow it.
func tomlString(s string) (string, error) {
	var value, rest string
	switch {
	case strings.HasPrefix(s, `'`):
		var closed bool
		if value, rest, closed = strings.Cut(s[1:], `'`); !closed {
			return "", fmt.Errorf("%s has no end", s)
		}
	case strings.HasPrefix(s, `"`):
		quoted, err := strconv.QuotedPrefix(s)
		if err != nil {
			return "", fmt.Errorf("%s is no string", s)
		}
		if value, err = strconv.Unquote(quoted); err != nil {
			return "", fmt.Errorf("%s is no string", s)
		}
		rest = s[len(quoted):]
	default:
		return "", fmt.Errorf("%s is no string: put quotes around it, which the shim asks for", s)
	}
	if rest = strings.TrimSpace(rest); rest != "" && rest[0] != '#' {
		return "", fmt.Errorf("%q follows its value", rest)
	}
	return value, nil
}
