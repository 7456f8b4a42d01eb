package main_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"strings"
	"testing"
)

// A backend's author needs none of the engine's types.
func TestVolumeHasNoTypeOfTheEngine(t *testing.T) {
	for _, dir := range []string{"../pkg/volume", "../pkg/volume/archive", "../pkg/volume/hostdir", "../pkg/volume/memory", "../pkg/volume/volumetest"} {
		names, err := filepath.Glob(filepath.Join(dir, "*.go"))
		if err != nil {
			t.Fatal(err)
		}
		seen := 0
		for _, name := range names {
			if !strings.HasSuffix(name, "_test.go") {
				seen += checkExports(t, name)
			}
		}
		if seen == 0 {
			t.Errorf("%s exports nothing", dir)
		}
	}
}

// checkExports looks at what a file exports, and returns how much that is.
func checkExports(t *testing.T, name string) (seen int) {
	t.Helper()
	f, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.SkipObjectResolution)
	if err != nil {
		t.Fatal(err)
	}
	engine := enginePackages(f)
	ast.FileExports(f)
	for _, d := range f.Decls {
		if fn, ok := d.(*ast.FuncDecl); ok {
			fn.Body = nil
			if !exported(fn) {
				continue
			}
		}
		seen++
		ast.Inspect(d, func(n ast.Node) bool {
			if s, ok := n.(*ast.SelectorExpr); ok {
				if x, ok := s.X.(*ast.Ident); ok && engine[x.Name] {
					t.Errorf("%s exports something with %s.%s", name, x.Name, s.Sel.Name)
				}
			}
			return true
		})
	}
	return seen
}

// exported is false for a method of a type that is not.
func exported(fn *ast.FuncDecl) bool {
	if fn.Recv == nil {
		return fn.Name.IsExported()
	}
	receiver := fn.Recv.List[0].Type
	if star, ok := receiver.(*ast.StarExpr); ok {
		receiver = star.X
	}
	name, ok := receiver.(*ast.Ident)
	return !ok || name.IsExported()
}

// enginePackages are the names by which a file knows packages of the engine.
func enginePackages(f *ast.File) map[string]bool {
	names := map[string]bool{}
	for _, i := range f.Imports {
		path := strings.Trim(i.Path.Value, `"`)
		if !strings.HasPrefix(path, "gvisor.dev/") {
			continue
		}
		name := path[strings.LastIndex(path, "/")+1:]
		if i.Name != nil {
			name = i.Name.Name
		}
		names[name] = true
	}
	return names
}
