// Package plain makes text that others chose fit for a terminal.
package plain

import (
	"strconv"
	"strings"
	"unicode"
)

// Text escapes what is not printable: control sequences, and the ends of lines
// by which a name could pass for a line of its own.
func Text(s string) string {
	if strings.IndexFunc(s, isOdd) < 0 {
		return s
	}
	var b strings.Builder
	for i, r := range s {
		switch {
		case !isOdd(r):
			b.WriteRune(r)
		case r == unicode.ReplacementChar && !strings.HasPrefix(s[i:], string(r)):
			b.WriteString(`\x` + strconv.FormatUint(uint64(s[i]), 16))
		default:
			b.WriteString(strings.Trim(strconv.QuoteRuneToASCII(r), "'"))
		}
	}
	return b.String()
}

// Lines is Text for each line of a text that has several.
func Lines(s string) string {
	lines := strings.Split(s, "\n")
	for i := range lines {
		lines[i] = Text(lines[i])
	}
	return strings.Join(lines, "\n")
}

func isOdd(r rune) bool { return !unicode.IsPrint(r) || r == unicode.ReplacementChar }
