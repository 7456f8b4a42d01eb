package webhook

import (
	"fmt"
	"maps"
	"os"
	"slices"
	"strconv"
	"strings"

	"gvisor.dev/gvisor/runsc/config"
	"gvisor.dev/gvisor/runsc/flag"
)

// applyConfig reads the shim's configuration file and returns what the runtime's
// options are with the ones that the shim gives it from there. An option on the
// command line as well would make this process decide otherwise than the nodes.
func applyConfig(path string) (*config.Config, error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	values, err := parseConfig(string(b))
	if err != nil {
		return nil, err
	}
	var twice error
	flag.CommandLine.Visit(func(f *flag.Flag) {
		if v, ok := values[f.Name]; ok && twice == nil {
			twice = fmt.Errorf("%s=%q: the command line has --%s=%s too; remove one of the two", f.Name, v, f.Name, f.Value)
		}
	})
	if twice != nil {
		return nil, twice
	}
	for _, name := range slices.Sorted(maps.Keys(values)) {
		if flag.CommandLine.Lookup(name) == nil {
			return nil, fmt.Errorf("%s=%q: no such option of the runtime; remove it: containers do not start with it", name, values[name])
		}
		if err := flag.CommandLine.Set(name, values[name]); err != nil {
			return nil, fmt.Errorf("%s=%q: %w", name, values[name], err)
		}
	}
	return config.NewFromFlags(flag.CommandLine)
}

// configTable is the table of the shim's file that has the runtime's options.
const configTable = "runsc_config"

// parseConfig returns the strings of the table. It knows the part of TOML in
// which such files are written, and refuses what it does not know, because an
// option that is missed makes wrong answers.
func parseConfig(text string) (map[string]string, error) {
	values := map[string]string{}
	inTable := false
	for i, line := range strings.Split(text, "\n") {
		line = strings.TrimSpace(line)
		wrong := func(what string) error {
			return fmt.Errorf("line %d: %s; write [%s], and below it lines of the form: option = \"value\"", i+1, what, configTable)
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
			inTable = name == configTable
		case !inTable && strings.HasPrefix(strings.Trim(line, `"'`), configTable):
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
