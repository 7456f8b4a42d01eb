package main_test

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// This file tests the walls between the packages: rules that the compiler does
// not know. Each says why it is there when it fails.

const (
	module   = "github.com/directfs/runsc"
	gvisor   = "gvisor.dev/gvisor"
	root     = ".." // the module, from this package's directory
	policy   = "directfspolicy"
	reader   = "pkg/ociconfig"
	overlays = "pkg/overlaymount"
	pods     = "pkg/kubepolicy"
	lowerer  = "runsc/internal/engine"
)

// testSupport are directories that only tests, and the demo, import.
var testSupport = []string{"runsc/internal/e2e", "runsc/internal/clients", "runsc/harness", "runsc/enginetest"}

// source is one Go file that is part of a program.
type source struct {
	name  string // relative to the module
	file  *ast.File
	fset  *token.FileSet
	paths []string // what it imports
}

func (s source) dir() string { return path.Dir(s.name) }

func (s source) at(n ast.Node) string {
	return fmt.Sprintf("%s:%d", s.name, s.fset.Position(n.Pos()).Line)
}

// sources parses every file of the module that is not a test or for tests.
func sources(t *testing.T) []source {
	t.Helper()
	var all []source
	err := filepath.WalkDir(root, func(file string, e fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name, err := filepath.Rel(root, file)
		if err != nil {
			return err
		}
		if e.IsDir() {
			if slices.Contains(testSupport, name) || e.Name() == "testdata" || strings.HasPrefix(e.Name(), ".") && name != "." {
				return fs.SkipDir
			}
			return nil
		}
		if !strings.HasSuffix(name, ".go") || strings.HasSuffix(name, "_test.go") {
			return nil
		}
		s := source{name: name, fset: token.NewFileSet()}
		if s.file, err = parser.ParseFile(s.fset, file, nil, parser.SkipObjectResolution); err != nil {
			return err
		}
		for _, i := range s.file.Imports {
			p, err := strconv.Unquote(i.Path.Value)
			if err != nil {
				return err
			}
			s.paths = append(s.paths, p)
		}
		all = append(all, s)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(all) < 20 {
		t.Fatalf("found only %d source files", len(all))
	}
	return all
}

func under(name, dir string) bool { return name == dir || strings.HasPrefix(name, dir+"/") }

func TestImports(t *testing.T) {
	rules := []struct {
		what   string   // path, or the beginning of one
		by     []string // the directories that may import it; nil: none
		reason string
	}{
		{gvisor + "/runsc/boot", []string{lowerer},
			"the engine's hints are spoken by one package, so that an engine update is looked at in one place"},
		{gvisor + "/pkg/sentry/fsimpl/gofer", []string{lowerer},
			"the engine's mount options are spoken by one package, so that an engine update is looked at in one place"},
		{gvisor + "/runsc/fsgofer/filter", []string{lowerer, "runsc/internal/gofer"},
			"the gofer installs its filter, and the engine package says which"},
		{gvisor, []string{"runsc", "pkg", "fuzz", "benchmarks"},
			"the policy and the documentation's examples do not need an engine"},
		{module + "/runsc", []string{"runsc", "fuzz", "benchmarks", "docs"},
			"pkg/* is for embedders, who do not link this runtime"},
		{module + "/fuzz", nil, "fuzz is a leaf"},
		{module + "/benchmarks", []string{"benchmarks"}, "benchmarks is a leaf"},
		{module + "/docs", nil, "docs is a leaf"},
	}
	for _, s := range sources(t) {
		for _, p := range s.paths {
			for _, r := range rules {
				if under(p, r.what) && !slices.ContainsFunc(r.by, func(dir string) bool { return under(s.name, dir) }) {
					t.Errorf("%s imports %s: %s", s.name, p, r.reason)
				}
			}
		}
	}
}

// Annotation keys are read by ociconfig and written, for the engine, by engine.
// kubepolicy does to a pod's what the gVisor containerd shim will do.
func TestAnnotations(t *testing.T) {
	const reason = "only " + reader + " reads an annotation and only " + lowerer + " writes one; after Resolve the Plan is the only truth"
	for _, s := range sources(t) {
		if s.dir() == reader || s.dir() == lowerer || s.dir() == pods {
			continue
		}
		ast.Inspect(s.file, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.BasicLit:
				if n.Kind == token.STRING && strings.Contains(n.Value, "dev.gvisor.") {
					t.Errorf("%s: %s: %s", s.at(n), n.Value, reason)
				}
			case *ast.SelectorExpr:
				if n.Sel.Name == "Annotations" && under(s.name, "runsc") {
					t.Errorf("%s: .Annotations: %s", s.at(n), reason)
				}
			}
			_, isImport := n.(*ast.ImportSpec)
			return !isImport
		})
	}
}

// switches are the engine's fields by which it decides directfs, the LisaFS
// filter, donation and cache modes, and everywhere that they are named.
var switches = map[string]map[string]string{
	"DirectFS": {
		"runsc/internal/engine/conf.go Options":                               "the user's flag, on its way into the Request",
		"runsc/internal/engine/hints.go CheckConfigBundles":                   "the operator's flag, before an annotation that the ceiling forbids could change it; refuses, decides nothing",
		"runsc/internal/engine/conf.go ConfigureCreate":                       "assigned from a Plan",
		"runsc/internal/engine/conf.go CheckCreate":                           "compared with what ConfigureCreate assigns",
		"runsc/internal/engine/conf.go ConfigureStart":                        "assigned from a Plan",
		"runsc/internal/engine/conf.go GoferFilter":                           "constant: the LisaFS calls come by LisafsNeeded alone",
		"runsc/internal/engine/filters/precompile/precompile.go goferOptions": "one of the filters that are compiled beforehand; the Plan picks among them",
		"runsc/internal/boot/boot.go lower":                                   "compared with the Plan; a difference stops the sandbox",
		"runsc/internal/boot/boot.go Execute":                                 "picks the filter that was compiled beforehand for it",
		"runsc/internal/sandbox/do.go prepare":                                "copied from what ConfigureCreate assigned",
	},
	"LisafsNeeded": {
		"runsc/internal/engine/filters/precompile/precompile.go goferOptions": "one of the filters that are compiled beforehand; the Plan picks among them",
		"runsc/internal/engine/conf.go GoferFilter":                           "assigned from a Plan",
	},
	"FileAccess": {
		"runsc/internal/engine/conf.go Options":        "the user's flag, on its way into the Request",
		"runsc/internal/engine/conf.go ConfigureBoot":  "assigned from a Plan",
		"runsc/internal/engine/conf.go ConfigureStart": "assigned from a Plan",
	},
	"FileAccessMounts": {
		"runsc/internal/engine/conf.go Options": "the user's flag, on its way into the Request",
	},
	"DonateMountPointFD": {
		"runsc/internal/gofer/serve.go implementation": "assigned from a Decision",
	},
}

func TestSwitches(t *testing.T) {
	const reason = "a second decision would contradict the Plan; take it from the Plan, in " + lowerer +
		", or add the place and the reason to the list of switches"
	seen := map[string]bool{}
	for _, s := range sources(t) {
		if !under(s.name, "runsc") {
			continue
		}
		for _, d := range s.file.Decls {
			where := s.name
			if f, ok := d.(*ast.FuncDecl); ok {
				where += " " + f.Name.Name
			}
			ast.Inspect(d, func(n ast.Node) bool {
				name := fieldName(n)
				if places, ok := switches[name]; ok {
					seen[name+" "+where] = true
					if places[where] == "" {
						t.Errorf("%s: .%s in %s: %s", s.at(n), name, where, reason)
					}
				}
				return true
			})
		}
	}
	for name, places := range switches {
		for where := range places {
			if !seen[name+" "+where] {
				t.Errorf("%s no longer names %s: take it off the list of switches", where, name)
			}
		}
	}
}

// fieldName returns the name in a selector, unless it is of the policy
// package, and in an element of a composite literal.
func fieldName(n ast.Node) string {
	switch n := n.(type) {
	case *ast.SelectorExpr:
		if x, ok := n.X.(*ast.Ident); !ok || x.Name != policy {
			return n.Sel.Name
		}
	case *ast.KeyValueExpr:
		if key, ok := n.Key.(*ast.Ident); ok {
			return key.Name
		}
	}
	return ""
}
