package baseline

import (
	"flag"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"
)

const document = "../../../../../docs/conformance.md"

var update = flag.Bool("update", false, "write the tables of docs/conformance.md")

// The tables in the document are those of the stored lists.
func TestDocument(t *testing.T) {
	before, err := os.ReadFile(document)
	if err != nil {
		t.Fatal(err)
	}
	after := string(before)
	for _, name := range []string{"critest", "runtimetools"} {
		text, err := os.ReadFile("../testdata/" + name + ".txt")
		if err != nil {
			t.Fatal(err)
		}
		l, err := Parse(string(text))
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if after, err = l.Replace(after, name); err != nil {
			t.Fatal(err)
		}
	}
	if after == string(before) {
		return
	}
	if !*update {
		t.Fatal("the tables of docs/conformance.md are not those of the lists; go test ./conformance/baseline -update writes them")
	}
	if err := os.WriteFile(document, []byte(after), 0o644); err != nil {
		t.Fatal(err)
	}
}

const small = `# Two runtimes.
upstream ours

passed passed
  A
  B, which [C]
failed passed | engine | it ignores | them
  D
  A: of it
excluded excluded | network | pulls
  E
`

func TestParse(t *testing.T) {
	l, err := Parse(small)
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]Result{"A": Passed, "B, which [C]": Passed, "D": Failed, "A: of it": Failed, "E": Excluded}
	if got := l.Expected(Upstream); !maps.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
	if g := l.Groups[1]; g.Where != "engine" || g.Why != "it ignores | them" {
		t.Errorf("%+v", g)
	}
	if got := l.Where("network"); !slices.Equal(got, []string{"E"}) {
		t.Errorf("where: %v", got)
	}
	const table = "| upstream | 2 | 1 | 0 | 1 |\n| ours | 3 | 0 | 0 | 1 |\n\n| specs | upstream | ours | whose | why |\n| --- | --- | --- | --- | --- |\n| D; A: of it | failed | passed | engine | it ignores \\| them |\n"
	doc, err := l.Replace("x\n<!-- n: begin -->\nold\n<!-- n: end -->\ny\n", "n")
	if err != nil || !strings.Contains(doc, table) || !strings.HasPrefix(doc, "x\n<!-- n: begin -->\n|") || !strings.HasSuffix(doc, "|\n<!-- n: end -->\ny\n") {
		t.Errorf("%v\n%s", err, doc)
	}
	if _, err := l.Replace("<!-- n: begin -->\n", "n"); err == nil {
		t.Error("a document without an end: no error")
	}
}

func TestParseRefuses(t *testing.T) {
	for text, want := range map[string]string{
		"upstream ours\npassed failed | sentry | x\n  A":                "no baseline",
		"upstream ours\npassed skipped | sentry | x\n  A":               "no baseline",
		"upstream ours\nfailed failed\n  A":                             "line 2: write | where | why",
		"upstream ours\npassed passed | sentry | x\n  A":                "write | where | why",
		"upstream ours\npassed\n  A":                                    "1 results for 2 runtimes",
		"upstream ours\npassed fails\n  A":                              `result "fails"`,
		"upstream ours\npassed passed\n  A\n  A":                        "twice",
		"upstream ours\npassed passed\n  A\nfailed failed | a | b\n  A": "twice",
		"upstream ours\npassed passed\n":                                "has no spec",
		"runc ours\npassed passed\n  A":                                 "must be among them",
		"":                                                              "must be among them",
		"upstream ours\n  A\npassed passed\n  A":                        "result",
	} {
		if _, err := Parse(text); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q", text, err, want)
		}
	}
}

// A run differs from the list both ways.
func TestDifferences(t *testing.T) {
	l, err := Parse(small)
	if err != nil {
		t.Fatal(err)
	}
	got := l.Differences(Upstream, map[string]Result{"A": Failed, "D": Passed, "A: of it": Failed, "E": Excluded, "F": Passed})
	want := map[string]string{
		"A": "failed, the list says passed", "B, which [C]": "there is no such spec, the list says passed",
		"D": "passed, the list says failed", "F": "passed, and is not in the list",
	}
	if !maps.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
	if d := l.Differences(Ours, l.Expected(Ours)); len(d) > 0 {
		t.Errorf("%v", d)
	}
}
