package directfspolicy

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"slices"
	"strings"
	"testing"
)

// surfaceCeiling is how many identifiers the package may export: 90, the nine
// with which a hint names who serves a mount, and what that needs, and the
// twenty with which a mount is an overlay of layers.
const surfaceCeiling = 119

// conventional are methods whose meaning the standard library fixes: nobody has
// to learn them here.
var conventional = []string{
	"Error", "Unwrap", "Is", "String", "MarshalJSON", "UnmarshalJSON", "MarshalText", "UnmarshalText",
}

func TestSurface(t *testing.T) {
	names := surface(t)
	t.Logf("%d exported: %s", len(names), strings.Join(names, " "))
	if len(names) > surfaceCeiling {
		t.Errorf("%d exported identifiers, at most %d: every one is something that embedders must read, and a promise to keep; remove one that another says as well, or raise the ceiling with a reason:\n%s",
			len(names), surfaceCeiling, strings.Join(names, "\n"))
	}
	for _, must := range []string{"Access", "DirectFS", "Resolve", "ErrConflict", "Plan.Grants"} {
		if !slices.Contains(names, must) {
			t.Errorf("%s is not counted", must)
		}
	}
}

// surface lists the types, functions, variables and constants that the package
// exports, and the methods of its exported types.
func surface(t *testing.T) []string {
	t.Helper()
	entries, err := os.ReadDir(".")
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, e := range entries {
		if !strings.HasSuffix(e.Name(), ".go") || strings.HasSuffix(e.Name(), "_test.go") {
			continue
		}
		f, err := parser.ParseFile(token.NewFileSet(), e.Name(), nil, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range f.Decls {
			names = append(names, declared(d)...)
		}
	}
	slices.Sort(names)
	return names
}

// declared lists what one declaration exports.
func declared(d ast.Decl) []string {
	var names []string
	add := func(id *ast.Ident) {
		if id.IsExported() {
			names = append(names, id.Name)
		}
	}
	switch d := d.(type) {
	case *ast.FuncDecl:
		if d.Recv != nil {
			return method(d)
		}
		add(d.Name)
	case *ast.GenDecl:
		for _, s := range d.Specs {
			switch s := s.(type) {
			case *ast.TypeSpec:
				add(s.Name)
			case *ast.ValueSpec:
				for _, id := range s.Names {
					add(id)
				}
			}
		}
	}
	return names
}

// method names a method of an exported type, unless it is conventional.
func method(d *ast.FuncDecl) []string {
	recv := d.Recv.List[0].Type
	if p, ok := recv.(*ast.StarExpr); ok {
		recv = p.X
	}
	if g, ok := recv.(*ast.IndexExpr); ok {
		recv = g.X
	}
	id, ok := recv.(*ast.Ident)
	if !ok || !id.IsExported() || !d.Name.IsExported() || slices.Contains(conventional, d.Name.Name) {
		return nil
	}
	return []string{id.Name + "." + d.Name.Name}
}
