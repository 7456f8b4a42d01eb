// Package docs_test keeps the documentation equal to the code.
//
// Blocks between "<!-- generated: NAME -->" and "<!-- end -->" are written by
//
//	go test ./docs -update
package docs_test

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"testing"
)

var update = flag.Bool("update", false, "write the generated blocks")

// documents are the files that a reader meets.
func documents(t *testing.T) []string {
	t.Helper()
	files, err := filepath.Glob("*.md")
	if err != nil || len(files) < 5 {
		t.Fatalf("documents: %v, %v", files, err)
	}
	clients, err := filepath.Glob("clients/*.md")
	if err != nil || len(clients) == 0 {
		t.Fatalf("documents of clients: %v, %v", clients, err)
	}
	return append(append(files, clients...), "../README.md", "../SECURITY.md", "../CHANGELOG.md")
}

func read(t *testing.T, name string) string {
	t.Helper()
	b, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// blocks are the generated ones, by name.
var blocks = map[string]func(*testing.T) string{
	"seccomp sets": seccompSets,
	"what follows": whatFollows,
	"errors":       errorMessages,
	"example":      example("Example"),
	"example pod":  example("ExampleAdmit"),
	"demo plan":    demoPlan,

	"volume of a zip": function("../pkg/volume/example_fromfs_test.go", "ExampleFromFS"),
	"volume daemon":   function("../pkg/volume/example_serve_test.go", "ExampleServe"),
	"volume runtime":  function("../runsc/internal/e2e/volumeruntime/main.go", "main"),
}

var block = regexp.MustCompile(`(?s)<!-- generated: ([a-z ]+) -->\n(.*?)<!-- end -->`)

func TestGeneratedBlocks(t *testing.T) {
	seen := map[string]bool{}
	for _, name := range documents(t) {
		old := read(t, name)
		text := block.ReplaceAllStringFunc(old, func(b string) string {
			what := block.FindStringSubmatch(b)[1]
			generate, ok := blocks[what]
			if !ok {
				t.Errorf("%s: nothing generates %q", name, what)
				return b
			}
			seen[what] = true
			return fmt.Sprintf("<!-- generated: %s -->\n%s<!-- end -->", what, generate(t))
		})
		switch {
		case text == old:
		case *update:
			if err := os.WriteFile(name, []byte(text), 0o644); err != nil {
				t.Fatal(err)
			}
		default:
			t.Errorf("%s is not what the code says; run: go test ./docs -update", name)
		}
	}
	for what := range blocks {
		if !seen[what] {
			t.Errorf("no document has the block %q", what)
		}
	}
}
