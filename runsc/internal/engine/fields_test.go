package engine_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/directfs/runsc/directfspolicy"
	"github.com/directfs/runsc/pkg/ociconfig"
	specs "github.com/opencontainers/runtime-spec/specs-go"
)

// No field of the engine's annotations is so near to a hint that it is taken
// for a typo.
func TestFieldsOfTheEngine(t *testing.T) {
	fields := fieldsOfTheEngine(t)
	for _, known := range []string{"source", "type", "share", "options", "overlay", "directfs"} {
		if !slices.Contains(fields, known) {
			t.Errorf("the engine's fields are %q, without %s", fields, known)
		}
	}
	for _, f := range fields {
		if slices.Contains(directfspolicy.Knobs(), directfspolicy.Knob(f)) {
			continue
		}
		for _, prefix := range []string{"dev.gvisor.spec.mount.x.", "dev.gvisor.spec.rootfs."} {
			spec := &specs.Spec{Root: &specs.Root{Path: "/r"}, Annotations: map[string]string{prefix + f: "/x"}}
			if _, err := ociconfig.Plan(spec, ociconfig.Options{}); err != nil {
				t.Error(err)
			}
		}
	}
}

// fieldsOfTheEngine are the words that its two setField methods know.
func fieldsOfTheEngine(t *testing.T) (fields []string) {
	t.Helper()
	dir, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", "gvisor.dev/gvisor").Output()
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(strings.TrimSpace(string(dir)), "runsc/boot/mount_hints.go")
	file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.SkipObjectResolution)
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range file.Decls {
		if f, ok := d.(*ast.FuncDecl); !ok || f.Name.Name != "setField" {
			continue
		}
		ast.Inspect(d, func(n ast.Node) bool {
			c, ok := n.(*ast.CaseClause)
			if !ok {
				return true
			}
			for _, e := range c.List {
				if word, ok := e.(*ast.BasicLit); ok {
					unquoted, err := strconv.Unquote(word.Value)
					if err != nil {
						t.Fatal(err)
					}
					fields = append(fields, unquoted)
				}
			}
			return true
		})
	}
	return fields
}
