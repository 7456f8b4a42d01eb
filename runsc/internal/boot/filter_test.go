package boot

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"gvisor.dev/gvisor/runsc/config"
	"gvisor.dev/gvisor/runsc/flag"
)

// Without the engine's filter nothing is lowered, whatever the flags are.
func TestRefusesWithoutTheEnginesFilter(t *testing.T) {
	flags := flag.NewFlagSet("boot", flag.ContinueOnError)
	const disabled = "seccomp filter is disabled"
	if err := lower(flags, &config.Config{DisableSeccomp: true}); err == nil || !strings.Contains(err.Error(), disabled) {
		t.Errorf("with DisableSeccomp: %v", err)
	}
	if err := lower(flags, &config.Config{}); err == nil || strings.Contains(err.Error(), disabled) {
		t.Errorf("without DisableSeccomp: %v, want an error about the flags", err)
	}
}

// The engine may leave its filter out for the one reason that requireFilter
// looks at.
func TestTheEngineHasOneReasonToLeaveItsFilterOut(t *testing.T) {
	cmd := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", "gvisor.dev/gvisor")
	dir, err := cmd.Output()
	if err != nil {
		t.Fatalf("%v: %v", cmd, err)
	}
	path := filepath.Join(strings.TrimSpace(string(dir)), "runsc/boot/loader.go")
	file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.SkipObjectResolution)
	if err != nil {
		t.Fatal(err)
	}
	var found [][]string
	for _, d := range file.Decls {
		if f, ok := d.(*ast.FuncDecl); ok && f.Name.Name == "installSeccompFilters" {
			found = append(found, waysTo(f, "filter.Install")...)
		}
	}
	if len(found) != 1 || !slices.Equal(found[0], []string{"l.root.conf.DisableSeccomp"}) {
		t.Errorf("the engine installs its filter under the conditions %q: let requireFilter refuse whatever leaves it out", found)
	}
}

// waysTo returns, for each call of the function, the conditions around it, and
// what returns before it as if all were done.
func waysTo(f *ast.FuncDecl, callee string) [][]string {
	var ways [][]string
	var path []ast.Node
	early := []string{}
	ast.Inspect(f, func(n ast.Node) bool {
		if n == nil {
			path = path[:len(path)-1]
			return true
		}
		if call, ok := n.(*ast.CallExpr); ok && text(call.Fun) == callee {
			conditions := slices.Clone(early)
			for i, p := range path {
				branch, ok := p.(*ast.IfStmt)
				// What stands in the head of an if does not hang on it.
				if ok && path[i+1] != branch.Init {
					conditions = append(conditions, text(branch.Cond))
				}
			}
			ways = append(ways, conditions)
		}
		if r, ok := n.(*ast.ReturnStmt); ok && text(r.Results[0]) == "nil" {
			early = append(early, "an early return without an error")
		}
		path = append(path, n)
		return true
	})
	return ways
}

// text writes a name with its selectors as in the source.
func text(e ast.Expr) string {
	switch e := e.(type) {
	case *ast.Ident:
		return e.Name
	case *ast.SelectorExpr:
		return text(e.X) + "." + e.Sel.Name
	}
	return "another expression"
}
