package directfspolicy

import (
	"go/build/constraint"
	"go/parser"
	"go/token"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// allowedImports keep the package pure: none of them reaches files, the
// environment, the clock or a container engine.
var allowedImports = []string{"bytes", "encoding/json", "errors", "fmt", "io", "path", "slices", "strconv", "strings"}

// platforms are the words that, at the end of a file's name, tie it to one.
var platforms = []string{
	"aix", "android", "darwin", "dragonfly", "freebsd", "illumos", "ios", "js", "linux", "netbsd", "openbsd", "plan9",
	"solaris", "wasip1", "windows", "unix",
	"386", "amd64", "arm", "arm64", "loong64", "mips", "mipsle", "mips64", "mips64le", "ppc64", "ppc64le", "riscv64",
	"s390x", "wasm",
}

func TestWalls(t *testing.T) {
	entries, err := os.ReadDir(".")
	if err != nil {
		t.Fatal(err)
	}
	files := 0
	for _, e := range entries {
		base, isGo := strings.CutSuffix(e.Name(), ".go")
		if !isGo {
			continue
		}
		base, isTest := strings.CutSuffix(base, "_test")
		for i, word := range strings.Split(base, "_") {
			if i > 0 && slices.Contains(platforms, word) {
				t.Errorf("%s is for %s alone", e.Name(), word)
			}
		}
		checkSource(t, e.Name(), isTest)
		if !isTest {
			files++
		}
	}
	if files == 0 {
		t.Error("no source files found")
	}
}

func checkSource(t *testing.T, name string, isTest bool) {
	t.Helper()
	f, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.ImportsOnly|parser.ParseComments)
	if err != nil {
		t.Fatal(err)
	}
	for _, group := range f.Comments {
		for _, c := range group.List {
			if constraint.IsGoBuild(c.Text) || constraint.IsPlusBuild(c.Text) {
				t.Errorf("%s has a build tag: %s", name, c.Text)
			}
		}
	}
	for _, spec := range f.Imports {
		imp, err := strconv.Unquote(spec.Path.Value)
		if err != nil {
			t.Fatal(err)
		}
		if !isTest && !slices.Contains(allowedImports, imp) {
			t.Errorf("%s imports %s, which is not on the list of allowed imports", name, imp)
		}
	}
}
