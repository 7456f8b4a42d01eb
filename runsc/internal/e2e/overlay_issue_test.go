package e2e

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/directfs/runsc/runsc/harness"
	specs "github.com/opencontainers/runtime-spec/specs-go"
)

// The first example of gVisor issue 4768, as README.md has it. Its layers are in
// /tmp; here they are in the lab's directory.
func TestOverlayOfReadme(t *testing.T) {
	for _, directfs := range []bool{true, false} {
		t.Run(flag(directfs), func(t *testing.T) {
			lab := newLab(t, flag(directfs))
			dir := volume(lab, "readme")
			for _, d := range []string{"lower", "upper", "work"} {
				if err := os.MkdirAll(filepath.Join(dir, d), 0o755); err != nil {
					t.Fatal(err)
				}
			}
			layText(t, filepath.Join(dir, "lower/file2"), "hi\n")
			var m specs.Mount
			if err := json.Unmarshal([]byte(strings.ReplaceAll(readmeSnippet(t, `"type": "overlay"`), "/tmp/", dir+"/")), &m); err != nil {
				t.Fatal(err)
			}
			for _, args := range [][]string{{"write", "/ov/hi", "written"}, {"cat", "/ov/file2"}} {
				res, err := lab.Run(harness.Context(t), lab.ID(), lab.Bundle(t, harness.RawMount(m), harness.Args(args...)))
				if err == nil {
					err = res.Err()
				}
				if err != nil || args[0] == "cat" && res.Stdout != "hi\n" {
					t.Errorf("%q: %q, %v", args, res.Stdout, err)
				}
			}
			if got := readFile(t, filepath.Join(dir, "upper/hi")); got != "written\n" {
				t.Errorf("the upper directory has %q", got)
			}
		})
	}
}

// readmeSnippet is the fenced block of README.md that has the words.
func readmeSnippet(t *testing.T, words string) string {
	t.Helper()
	for i, block := range strings.Split(readFile(t, "../../../README.md"), "```") {
		if i%2 == 1 && strings.Contains(block, words) {
			return block[strings.Index(block, "\n"):]
		}
	}
	t.Fatalf("README.md shows nothing with %s", words)
	return ""
}
