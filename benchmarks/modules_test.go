package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/directfs/runsc/benchmarks/report"
	"github.com/directfs/runsc/benchmarks/results"
)

// TestSameEngine expects the nested module to be built with what the main one
// is: a comparison of two versions would be of no use.
func TestSameEngine(t *testing.T) {
	version := func(dir string) string {
		cmd := exec.Command("go", "list", "-m", "-f", "{{.Version}}", "gvisor.dev/gvisor")
		cmd.Dir = dir
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Fatalf("%v: %s", err, out)
		}
		return strings.TrimSpace(string(out))
	}
	if ours, theirs := version("."), version(".."); ours != theirs {
		t.Errorf("gvisor is %s here and %s in the main module", ours, theirs)
	}
}

func TestSameGo(t *testing.T) {
	versions := map[string]string{}
	for _, dir := range []string{".", ".."} {
		text, err := os.ReadFile(filepath.Join(dir, "go.mod"))
		if err != nil {
			t.Fatal(err)
		}
		found := regexp.MustCompile(`(?m)^go (\S+)$`).FindSubmatch(text)
		if found == nil {
			t.Fatalf("%s/go.mod has no go line", dir)
		}
		versions[dir] = string(found[1])
	}
	if versions["."] != versions[".."] {
		t.Errorf("the go lines are %v", versions)
	}
}

// TestDocs expects the report in the documentation to be what the stored
// results say.
func TestDocs(t *testing.T) {
	dir := filepath.Join("..", "docs", "benchmarks")
	r, err := results.Read(filepath.Join(dir, report.ResultsFile))
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(filepath.Join(dir, report.TableFile))
	if err != nil {
		t.Fatal(err)
	}
	if string(text) != report.Markdown(r) {
		t.Errorf("%s is not the report of %s; write it again: make bench BENCHFLAGS='-report docs/benchmarks/%s -out docs/benchmarks'",
			report.TableFile, report.ResultsFile, report.ResultsFile)
	}
}
