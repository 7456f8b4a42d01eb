package policycmd_test

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

const docs = "../../../docs"

// document compares a file with what it has to be, or writes it.
func document(t *testing.T, name, want string) {
	t.Helper()
	file := filepath.Join(docs, name)
	got, err := os.ReadFile(file)
	if err != nil && !*update {
		t.Fatal(err)
	}
	switch {
	case string(got) == want:
	case *update:
		if err := os.WriteFile(file, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
	default:
		t.Errorf("%s is not what the command prints; run: go test ./runsc/internal/policycmd -update", file)
	}
}

func text(t *testing.T, name string) string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(docs, name))
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// shell runs a command as a reader of the documentation would, beside the
// bundles, and returns all that it prints and its exit status.
func shell(t *testing.T, command string) (string, int) {
	t.Helper()
	cmd := exec.Command("sh", "-c", command)
	cmd.Dir = "testdata/bundles"
	out, err := cmd.CombinedOutput()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatalf("%s: %v", command, err)
	}
	return string(out), cmd.ProcessState.ExitCode()
}

var console = regexp.MustCompile("(?s)```console\n(.*?)```\n")

// Every example of the reference prints what the reference says.
func TestReference(t *testing.T) {
	const name = "policy-command.md"
	old := text(t, name)
	document(t, name, console.ReplaceAllStringFunc(old, func(block string) string {
		var b strings.Builder
		status := 0
		for line := range strings.Lines(console.FindStringSubmatch(block)[1]) {
			command, ok := strings.CutPrefix(line, "$ ")
			switch {
			case !ok:
				continue // printed by the command before it
			case command == "echo $?\n":
				fmt.Fprintf(&b, "%s%d\n", line, status)
				continue
			}
			var out string
			out, status = shell(t, command)
			b.WriteString(line + out)
		}
		return "```console\n" + b.String() + "```\n"
	}))
}

var table = regexp.MustCompile(`(?s)(<!-- runsc policy matrix --format=markdown -->\n)(.*?)(<!-- end of it -->)`)

// The decision table in the documentation is the one that the code computes.
func TestDecisionTableDocument(t *testing.T) {
	const name = "decision-table.md"
	old := text(t, name)
	if !table.MatchString(old) {
		t.Fatalf("%s has no markers around the output of runsc policy matrix --format=markdown", name)
	}
	out, status := shell(t, "runsc policy matrix --format=markdown")
	if status != 0 {
		t.Fatal(out)
	}
	document(t, name, table.ReplaceAllString(old, "${1}"+out+"${3}"))
}

// The drawing is of the bundle that the reference explains. docs/plan.svg is
// made from it with: dot -Tsvg docs/plan.dot
func TestDrawing(t *testing.T) {
	out, status := shell(t, "runsc policy explain --bundle mixed --format=dot")
	if status != 0 {
		t.Fatal(out)
	}
	document(t, "plan.dot", out)
}
