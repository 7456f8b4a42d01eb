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

// TestDocs expects the reports in the documentation to be what the stored
// results say.
func TestDocs(t *testing.T) {
	dir := filepath.Join("..", "docs", "benchmarks")
	for _, test := range []struct {
		stored, table, again string
		text                 func(*results.Results) string
	}{
		{report.ResultsFile, report.TableFile, "make bench", report.Markdown},
		{report.VolumesFile, report.VolumesTableFile, "make bench-volumes", report.VolumesMarkdown},
		{report.OverlaysFile, report.OverlaysTableFile, "make bench-overlays", report.OverlaysMarkdown},
	} {
		r, err := results.Read(filepath.Join(dir, test.stored))
		if err != nil {
			t.Fatal(err)
		}
		text, err := os.ReadFile(filepath.Join(dir, test.table))
		if err != nil {
			t.Fatal(err)
		}
		if string(text) != test.text(r) {
			t.Errorf("%s is not the report of %s; write it again: %s BENCHFLAGS='-report docs/benchmarks/%s -out docs/benchmarks'",
				test.table, test.stored, test.again, test.stored)
		}
	}
}
