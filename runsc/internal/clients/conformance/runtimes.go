// Package conformance runs the suites of others, and compares what their specs
// come to with stored lists: those of the CRI, and those of the OCI's runtime
// specification. Upstream's runsc and runc run them too.
package conformance

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/directfs/runsc/runsc/internal/clients/conformance/baseline"
	"github.com/directfs/runsc/runsc/internal/clients/lab"
)

// runtimes are those of the lists.
var runtimes = []string{"runc", baseline.Upstream, baseline.Ours}

// binary is the program of a runtime.
func binary(tb testing.TB, l *lab.Lab, runtime string) string {
	tb.Helper()
	switch runtime {
	case "runc":
		path, err := exec.LookPath("runc")
		if err != nil {
			tb.Fatal(err)
		}
		return path
	case baseline.Upstream:
		return tool(tb, l, "runsc-upstream")
	}
	return l.Runsc
}

// tool is a program that make builds for the tests.
func tool(tb testing.TB, l *lab.Lab, name ...string) string {
	tb.Helper()
	path := filepath.Join(append([]string{l.Module, "bin/clients"}, name...)...)
	if _, err := os.Stat(path); err != nil {
		tb.Fatalf("%v; make conformance builds it", err)
	}
	return path
}

// load reads a stored list.
func load(tb testing.TB, name string) baseline.List {
	tb.Helper()
	text, err := os.ReadFile(filepath.Join("testdata", name+".txt"))
	if err != nil {
		tb.Fatal(err)
	}
	l, err := baseline.Parse(string(text))
	if err != nil {
		tb.Fatalf("testdata/%s.txt: %v", name, err)
	}
	return l
}
