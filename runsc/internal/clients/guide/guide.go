// Package guide executes the commands of a guide, as a reader would.
//
// Every fenced block with the language "sh" is executed, in order, by one bash,
// so that variables and the working directory carry over. A block with the
// language "text" right after it is what the commands print. In it a line "..."
// stands for any lines, and "..." in a line for any characters. A guide for several
// machines says on which one a block is executed: "sh node".
package guide

import (
	"fmt"
	"os"
	"regexp"
	"strings"
)

// Block is a block of commands in a document.
type Block struct {
	// Line is that of the first command in the document, counted from 1.
	Line     int
	Commands []string

	// Where is the word after the language, "" if there is none.
	Where string

	// Want are the lines that the commands print. They are compared if HasWant.
	Want     []string
	HasWant  bool
	WantLine int
}

// Read reads the blocks of the document.
func Read(name string) ([]Block, error) {
	text, err := os.ReadFile(name)
	if err != nil {
		return nil, err
	}
	blocks, err := Parse(string(text))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return blocks, nil
}

var fence = regexp.MustCompile("^( *)(```+|~~~+) *([^`]*)$")

// Parse finds the blocks in the text of a document. A fence of a block in a list
// is indented, and its lines are as well.
func Parse(text string) ([]Block, error) {
	var blocks []Block
	lines := strings.Split(text, "\n")
	follows := false // only blank lines since the last block of commands
	for i := 0; i < len(lines); i++ {
		m := fence.FindStringSubmatch(lines[i])
		if m == nil {
			follows = follows && strings.TrimSpace(lines[i]) == ""
			continue
		}
		start := i + 1
		for i++; i < len(lines) && strings.TrimSpace(lines[i]) != m[2]; i++ {
		}
		if i == len(lines) {
			return nil, fmt.Errorf("line %d: the block has no end", start)
		}
		content := unindent(lines[start:i], m[1])
		language, where, _ := strings.Cut(strings.TrimSpace(m[3]), " ")
		switch language {
		case "sh":
			blocks = append(blocks, Block{Line: start + 1, Commands: content, Where: where})
			follows = true
		case "text":
			if follows {
				b := &blocks[len(blocks)-1]
				b.Want, b.HasWant, b.WantLine = content, true, start+1
			}
			follows = false
		default:
			follows = false
		}
	}
	return blocks, nil
}

func unindent(lines []string, indent string) []string {
	var all []string
	for _, l := range lines {
		all = append(all, strings.TrimPrefix(l, indent))
	}
	return all
}

// compare says where what was printed differs from the wanted lines, or "".
func compare(want []string, output string) string {
	got := strings.Split(strings.TrimRight(output, "\n"), "\n")
	if matchLines(want, got) {
		return ""
	}
	// The longest beginning that matches says where to look.
	for n := len(want) - 1; n >= 0; n-- {
		if matchLines(append(append([]string{}, want[:n]...), "..."), got) {
			return fmt.Sprintf("no line %q, or others around it; want\n\n%s\n\ngot\n\n%s", want[n], strings.Join(want, "\n"), output)
		}
	}
	return "the output is another"
}

// matchLines is a match with "..." for any number of lines.
func matchLines(want, got []string) bool {
	return match(len(want), len(got), func(i int) bool { return strings.TrimSpace(want[i]) == "..." },
		func(i, j int) bool { return matchLine(want[i], got[j]) })
}

// matchLine is a match with "..." for any characters. Spaces at the end do not
// count.
func matchLine(want, got string) bool {
	parts := strings.Split(strings.TrimRight(want, " \t"), "...")
	for i := range parts {
		parts[i] = regexp.QuoteMeta(parts[i])
	}
	return regexp.MustCompile("^" + strings.Join(parts, ".*") + `[ \t\r]*$`).MatchString(got)
}

// match matches n patterns with m items; a pattern that is any stands for any
// number of items.
func match(n, m int, any func(int) bool, same func(i, j int) bool) bool {
	// reach[j]: the patterns so far match the first j items.
	reach := make([]bool, m+1)
	reach[0] = true
	for i := range n {
		next := make([]bool, m+1)
		for j := range reach {
			switch {
			case any(i):
				next[j] = reach[j] || j > 0 && next[j-1]
			case j > 0:
				next[j] = reach[j-1] && same(i, j-1)
			}
		}
		reach = next
	}
	return reach[m]
}
