package docs_test

import (
	"go/ast"
	"go/format"
	"go/parser"
	"go/token"
	"testing"

	"github.com/directfs/runsc/directfspolicy"
	"github.com/directfs/runsc/pkg/ociconfig"
	specs "github.com/opencontainers/runtime-spec/specs-go"
)

// example returns the source of one of ociconfig's tested examples.
func example(name string) func(*testing.T) string {
	return function("../pkg/ociconfig/example_test.go", name)
}

// function is the source of a function in a file.
func function(file, name string) func(*testing.T) string {
	return func(t *testing.T) string { return functionSource(t, file, name) }
}

func functionSource(t *testing.T, file, name string) string {
	fset := token.NewFileSet()
	f, err := parser.ParseFile(fset, file, nil, parser.SkipObjectResolution)
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range f.Decls {
		fn, ok := d.(*ast.FuncDecl)
		if !ok || fn.Name.Name != name {
			continue
		}
		source := read(t, file)[fset.Position(fn.Pos()).Offset:fset.Position(fn.End()).Offset]
		out, err := format.Source([]byte(source))
		if err != nil {
			t.Fatal(err)
		}
		return "```go\n" + string(out) + "\n```\n"
	}
	t.Fatalf("%s has no %s", file, name)
	return ""
}

// demoPlan is what make demo prints first.
func demoPlan(t *testing.T) string {
	spec := &specs.Spec{Root: &specs.Root{Path: "rootfs"}, Annotations: map[string]string{"dev.gvisor.spec.rootfs.directfs": "on"}}
	for _, kind := range []string{"proc", "dev", "sys", "tmp"} {
		spec.Mounts = append(spec.Mounts, specs.Mount{Destination: "/" + kind, Type: kind})
	}
	for name, hint := range map[string]string{"a": "off", "b": "on"} {
		spec.Annotations["dev.gvisor.spec.mount."+name+".source"] = "/src/" + name
		spec.Annotations["dev.gvisor.spec.mount."+name+".directfs"] = hint
	}
	for _, name := range []string{"a", "b", "c"} {
		spec.Mounts = append(spec.Mounts, specs.Mount{Destination: "/" + name, Type: "bind", Source: "/src/" + name})
	}
	p, err := ociconfig.Plan(spec, ociconfig.Options{Flag: true, RootfsCache: directfspolicy.CacheExclusive})
	if err != nil {
		t.Fatal(err)
	}
	return "```\n" + p.String() + "```\n"
}
