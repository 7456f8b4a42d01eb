package main_test

import (
	"go/ast"
	"go/token"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// hintWords are files with such words that decide nothing.
var hintWords = map[string]string{
	"runsc/internal/gofer/tree.go": "the name by which people find the runtime's own tmpfs in a mount table",
}

// Hints among a mount's options, and the flags that decide where there is none,
// are read by ociconfig too, as annotations are (TestAnnotations).
func TestHintWords(t *testing.T) {
	seen := map[string]bool{}
	for _, s := range sources(t) {
		if s.dir() == reader || s.dir() == lowerer || !under(s.name, "runsc") && !under(s.name, "pkg") {
			continue
		}
		ast.Inspect(s.file, func(n ast.Node) bool {
			lit, ok := n.(*ast.BasicLit)
			if !ok || lit.Kind != token.STRING {
				return true
			}
			word, err := strconv.Unquote(lit.Value)
			if err != nil || !isHintWord(word) {
				return true
			}
			if seen[s.name] = true; hintWords[s.name] == "" {
				t.Errorf("%s: %q: only %s reads a hint, or a flag that decides; take the decision from the Plan, or add the file and the reason to the list", s.at(n), word, reader)
			}
			return true
		})
	}
	for name := range hintWords {
		if !seen[name] {
			t.Errorf("%s has no such word: take it off the list", name)
		}
	}
}

// isHintWord reports whether it is the name of a flag that decides, or the
// beginning of an option that is a hint.
func isHintWord(s string) bool {
	word, _, isOption := strings.Cut(s, "=")
	return slices.Contains([]string{"directfs", "file-access", "file-access-mounts"}, word) || (word == "cache" || word == "gofer") && isOption
}
