package docs_test

import (
	"regexp"
	"slices"
	"testing"
)

// Every code of a finding has a row, and no other.
func TestOverlayCodes(t *testing.T) {
	var codes, rows []string
	for _, m := range regexp.MustCompile(`(?m)^\tCode\w+ Code = "([^"]+)"$`).FindAllStringSubmatch(read(t, "../pkg/overlaymount/code.go"), -1) {
		codes = append(codes, m[1])
	}
	for _, m := range regexp.MustCompile("(?m)^\\| `([^`]+)` \\| (?:refused|warning)").FindAllStringSubmatch(read(t, "overlays.md"), -1) {
		rows = append(rows, m[1])
	}
	if len(codes) == 0 || !slices.Equal(codes, rows) {
		t.Errorf("overlays.md has rows for %q, the codes are %q", rows, codes)
	}
}
