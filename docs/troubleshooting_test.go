package docs_test

import (
	"io/fs"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// Every message in troubleshooting.md is in a test that sees it, as far as it does
// not differ from case to case.
func TestTroubleshooting(t *testing.T) {
	var tests strings.Builder
	pieces := regexp.MustCompile("[\"`]\\s*\\+\\s*[\"`]")
	err := filepath.WalkDir("..", func(path string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() || !strings.HasSuffix(path, "_test.go") && !strings.Contains(path, "/clients/suite/") {
			return err
		}
		// A literal may be in pieces, and quotes in it have a backslash.
		tests.WriteString(strings.ReplaceAll(pieces.ReplaceAllString(read(t, path), ""), `\"`, `"`))
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	messages := regexp.MustCompile("(?ms)^```\n(.*?)\n```$").FindAllStringSubmatch(read(t, "troubleshooting.md"), -1)
	if len(messages) < 10 {
		t.Fatalf("%d messages", len(messages))
	}
	for _, m := range messages {
		for part := range strings.SplitSeq(m[1], "...") {
			for _, engine := range []string{"Error: ", "docker: Error response from daemon: ", "create: "} {
				part = strings.TrimPrefix(part, engine)
			}
			part = strings.Trim(part, " .;:,")
			if len(part) > 3 && !strings.Contains(tests.String(), part) {
				t.Errorf("no test sees %q", part)
			}
		}
	}
}
