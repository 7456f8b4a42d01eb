package ociconfig_test

import (
	"go/parser"
	"go/token"
	"os"
	"strconv"
	"strings"
	"testing"
)

// Embedders use this package without an engine: its imports are the standard
// library, the types of OCI specs and the policy.
func TestImports(t *testing.T) {
	allowed := map[string]bool{
		"github.com/directfs/runsc/directfspolicy":        true,
		"github.com/opencontainers/runtime-spec/specs-go": true,
	}
	entries, err := os.ReadDir(".")
	if err != nil {
		t.Fatal(err)
	}
	files := 0
	for _, e := range entries {
		if !strings.HasSuffix(e.Name(), ".go") || strings.HasSuffix(e.Name(), "_test.go") {
			continue
		}
		files++
		f, err := parser.ParseFile(token.NewFileSet(), e.Name(), nil, parser.ImportsOnly)
		if err != nil {
			t.Fatal(err)
		}
		for _, imp := range f.Imports {
			path, err := strconv.Unquote(imp.Path.Value)
			if err != nil {
				t.Fatal(err)
			}
			first, _, _ := strings.Cut(path, "/")
			if stdlib := !strings.Contains(first, "."); !stdlib && !allowed[path] || path == "C" || path == "unsafe" {
				t.Errorf("%s imports %s", e.Name(), path)
			}
		}
	}
	if files == 0 {
		t.Fatal("found no files")
	}
}
