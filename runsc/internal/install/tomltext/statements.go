package tomltext

import "bytes"

// statement is one comment, table header or key with its value, with the end of
// its last line. The text of a file is its statements in order.
type statement struct {
	start, end int
	comment    bool
	table      []string // the path of a header
}

// statements divides a valid text.
func statements(text []byte) []statement {
	var all []statement
	for at := 0; at < len(text); {
		s := statement{start: at, end: endOf(text, at)}
		switch line := bytes.TrimLeft(text[s.start:s.end], " \t\r\n"); {
		case bytes.HasPrefix(line, []byte("#")):
			s.comment = true
		case bytes.HasPrefix(line, []byte("[")):
			s.table = tableOf(line)
		}
		all = append(all, s)
		at = s.end
	}
	return all
}

// endOf returns where the statement at an offset ends: behind the first line
// end outside of strings, arrays and inline tables.
func endOf(text []byte, i int) int {
	for depth := 0; i < len(text); i++ {
		switch text[i] {
		case '#':
			if i = lineEnd(text, i); i == len(text) {
				return i
			}
			if depth == 0 {
				return i + 1
			}
		case '"', '\'':
			i = endOfString(text, i) - 1
		case '[', '{':
			depth++
		case ']', '}':
			depth--
		case '\n':
			if depth == 0 {
				return i + 1
			}
		}
	}
	return len(text)
}

// lineEnd returns the offset of the next "\n", or the end.
func lineEnd(text []byte, i int) int {
	if n := bytes.IndexByte(text[i:], '\n'); n >= 0 {
		return i + n
	}
	return len(text)
}

// endOfString returns where the string at an offset ends, of any of the four
// kinds.
func endOfString(text []byte, i int) int {
	quote := text[i : i+1]
	long := bytes.Repeat(quote, 3)
	if bytes.HasPrefix(text[i:], long) {
		quote = long
	}
	for i += len(quote); i < len(text); i++ {
		switch {
		case text[i] == '\\' && quote[0] == '"':
			i++
		case bytes.HasPrefix(text[i:], quote):
			i += len(quote)
			// Up to two more may stand at the end of a long string.
			for len(quote) == 3 && i < len(text) && text[i] == quote[0] {
				i++
			}
			return i
		}
	}
	return len(text)
}

// tableOf returns the path of a table's header.
func tableOf(header []byte) []string {
	values, err := Parse(header)
	if err != nil {
		return nil
	}
	var path []string
	for len(values) == 1 {
		for key, v := range values {
			path = append(path, key)
			values, _ = v.(map[string]any)
		}
	}
	return path
}
