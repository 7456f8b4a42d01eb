package handoff

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// maxText is how much of an explanation is shown, in bytes.
const maxText = 1024

const more = "…"

// text makes what somebody else wrote fit for a terminal and one line of a log.
func text(s string) string {
	s = printable(s)
	if len(s) <= maxText {
		return s
	}
	cut := maxText - len(more)
	for !utf8.RuneStart(s[cut]) {
		cut--
	}
	return s[:cut] + more
}

// printable replaces control characters, ends of lines, bytes that are not
// UTF-8, and what changes the direction of text.
func printable(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsPrint(r) {
			return r
		}
		return unicode.ReplacementChar
	}, s)
}
