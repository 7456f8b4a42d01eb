package docs_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/directfs/runsc/directfspolicy"
)

var inCode = regexp.MustCompile("`([^`]*)`")

// firstCells are the words in the first column of a section's table in api.md.
func firstCells(t *testing.T, section string) []string {
	t.Helper()
	_, text, _ := strings.Cut(read(t, "api.md"), "\n## "+section+"\n")
	text, _, _ = strings.Cut(text, "\n## ")
	var words []string
	for line := range strings.Lines(text) {
		cells := strings.Split(line, "|")
		if len(cells) < 3 || cells[0] != "" {
			continue
		}
		for _, m := range inCode.FindAllStringSubmatch(cells[1], -1) {
			words = append(words, m[1])
		}
	}
	slices.Sort(words)
	return words
}

// The table of a plan's methods has each of them, and no other.
func TestPlanMethods(t *testing.T) {
	var methods []string
	for m := range reflect.TypeFor[directfspolicy.Plan]().Methods() {
		if m.Name != "MarshalJSON" {
			methods = append(methods, m.Name)
		}
	}
	slices.Sort(methods)
	if got := firstCells(t, "What is in a plan"); !slices.Equal(got, methods) {
		t.Errorf("api.md has the methods\n%q, the package\n%q", got, methods)
	}
}

// The table of errors has each of the package's sentinels, and no other.
func TestSentinels(t *testing.T) {
	got := slices.DeleteFunc(firstCells(t, "Errors"), func(w string) bool { return strings.Contains(w, ".") })
	if want := sentinels(t, "../directfspolicy"); !slices.Equal(got, want) {
		t.Errorf("api.md has the sentinels\n%q, the package\n%q", got, want)
	}
}

// sentinels are the errors that the package in the directory exports.
func sentinels(t *testing.T, dir string) []string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "*.go"))
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, name := range files {
		f, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		for _, d := range f.Decls {
			names = append(names, exportedErrors(d)...)
		}
	}
	slices.Sort(names)
	return names
}

// exportedErrors lists the variables Err... of one declaration.
func exportedErrors(d ast.Decl) []string {
	g, ok := d.(*ast.GenDecl)
	if !ok {
		return nil
	}
	var names []string
	for _, s := range g.Specs {
		v, ok := s.(*ast.ValueSpec)
		if !ok {
			continue
		}
		for _, id := range v.Names {
			if strings.HasPrefix(id.Name, "Err") {
				names = append(names, id.Name)
			}
		}
	}
	return names
}
