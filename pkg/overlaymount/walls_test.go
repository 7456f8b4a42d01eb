package overlaymount_test

import (
	"go/parser"
	"go/token"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// allowedImports keep the package pure. Of syscall it uses the names of errors.
var allowedImports = []string{"errors", "fmt", "io/fs", "slices", "strings", "syscall"}

func TestWalls(t *testing.T) {
	names, err := filepath.Glob("*.go")
	if err != nil || len(names) == 0 {
		t.Fatal(names, err)
	}
	for _, name := range names {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		f, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.ImportsOnly)
		if err != nil {
			t.Fatal(err)
		}
		for _, spec := range f.Imports {
			if path, _ := strconv.Unquote(spec.Path.Value); !slices.Contains(allowedImports, path) {
				t.Errorf("%s imports %s, which is not on the list of allowed imports", name, path)
			}
		}
	}
}
