package tomltext

import (
	"bytes"
	"fmt"
	"slices"
)

// off is before each line that a runtime of ours has replaced.
func off(runtime string) []byte {
	return fmt.Appendf(nil, "#off by runsc install, runtime %q# ", runtime)
}

// CommentOut returns the text with the tables at a path, and below it, as
// comments; with an empty path, the whole text. Restore undoes it.
func CommentOut(text []byte, runtime string, path ...string) ([]byte, error) {
	mark := off(runtime)
	if bytes.Contains(text, mark) {
		return nil, fmt.Errorf("line %d: a line that an earlier install has made a comment is there still; remove it or what is before its text",
			1+bytes.Count(text[:bytes.Index(text, mark)], []byte("\n")))
	}
	before, err := Parse(text)
	if err != nil {
		return nil, err
	}
	var b bytes.Buffer
	inside := len(path) == 0
	for _, s := range statements(text) {
		if s.table != nil && len(path) > 0 {
			inside = len(s.table) >= len(path) && slices.Equal(s.table[:len(path)], path)
		}
		for line := range bytes.Lines(text[s.start:s.end]) {
			if inside && !(s.comment && len(path) > 0) {
				b.Write(mark)
			}
			b.Write(line)
		}
	}
	want := map[string]any{}
	if len(path) > 0 {
		want = without(before, path...)
	}
	if after, err := Parse(b.Bytes()); err != nil || !equal(after, want) {
		return nil, fmt.Errorf("%s: %w", Key(path...), ErrByHand)
	}
	return b.Bytes(), nil
}

// Restore returns the text with what CommentOut has made comments for a
// runtime as it was.
func Restore(text []byte, runtime string) []byte {
	mark := off(runtime)
	var b bytes.Buffer
	for line := range bytes.Lines(text) {
		b.Write(bytes.TrimPrefix(line, mark))
	}
	return b.Bytes()
}

// Line returns the line of the first header at a path or below it; 0 if there
// is none.
func Line(text []byte, path ...string) int {
	for _, s := range statements(text) {
		if len(s.table) >= len(path) && slices.Equal(s.table[:len(path)], path) {
			return 1 + bytes.Count(text[:s.start], []byte("\n"))
		}
	}
	return 0
}
