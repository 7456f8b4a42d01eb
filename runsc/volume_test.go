package main_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"strings"
	"testing"
)

// A backend's author needs none of the engine's types.
func TestVolumeHasNoTypeOfTheEngine(t *testing.T) {
	for _, dir := range []string{"../pkg/volume", "../pkg/volume/archive", "../pkg/volume/hostdir", "../pkg/volume/memory", "../pkg/volume/volumetest"} {
		source := func(i fs.FileInfo) bool { return !strings.HasSuffix(i.Name(), "_test.go") }
		packages, err := parser.ParseDir(token.NewFileSet(), dir, source, parser.SkipObjectResolution)
		if err != nil || len(packages) != 1 {
			t.Fatalf("%s: %d packages, %v", dir, len(packages), err)
		}
		seen := 0
		for _, p := range packages {
			ast.PackageExports(p)
			for name, f := range p.Files {
				engine := enginePackages(f)
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
			}
		}
		if seen == 0 {
			t.Errorf("%s exports nothing", dir)
		}
	}
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
