package conformance

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/directfs/runsc/runsc/internal/clients/conformance/baseline"
	"github.com/directfs/runsc/runsc/internal/clients/containerd"
)

// critestTime bounds one run of critest: a spec that fails may take a minute.
const critestTime = 20 * time.Minute

// cri is a containerd with a runtime to test.
type cri struct {
	runtime, handler string
	daemon           *containerd.Daemon
	enter            []string // enters the daemon's network namespace
	runs             int
}

// run runs critest's specs, but for those that are expected to be excluded, and
// returns what they come to. A focus is a regular expression; what it does not
// match is left out.
func (c *cri) run(t *testing.T, expected map[string]baseline.Result, focus string) map[string]baseline.Result {
	t.Helper()
	c.runs++
	report := c.daemon.Path(fmt.Sprintf("report-%d.json", c.runs))
	args := append(c.enter[1:len(c.enter):len(c.enter)], tool(t, c.daemon.Lab, "critest"),
		"--runtime-endpoint=unix://"+c.daemon.Address, "--image-endpoint=unix://"+c.daemon.Address,
		"--runtime-handler="+c.handler, "--test-images-file="+c.daemon.Path("images.yaml"),
		"--ginkgo.no-color", "--ginkgo.json-report="+report, "--ginkgo.focus="+focus)
	for spec, r := range expected {
		if r == baseline.Excluded {
			args = append(args, "--ginkgo.skip="+pattern([]string{spec}))
		}
	}
	ctx, cancel := context.WithTimeout(t.Context(), critestTime)
	defer cancel()
	cmd := c.daemon.Command(ctx, c.enter[0], args...)
	out := &progress{say: func(n int) { t.Logf("critest, %s: %d specs", c.runtime, n) }}
	cmd.Stdout, cmd.Stderr = out, out
	var exit *exec.ExitError
	if err := cmd.Run(); err != nil && !errors.As(err, &exit) { // 1: specs fail
		t.Fatalf("critest: %v", err)
	}
	if ctx.Err() != nil {
		t.Fatalf("critest did not end in %v:\n%s", critestTime, out)
	}
	results, failures, err := readReport(report, focus != "")
	if err != nil {
		t.Fatalf("critest: %v\n%s", err, out)
	}
	for spec, why := range failures {
		if expected[spec] == baseline.Passed || expected == nil {
			t.Logf("%s: %s", spec, why)
		}
	}
	return results
}

// readReport reads a report of ginkgo's. focused says whether specs that were not
// run are left out.
func readReport(file string, focused bool) (results map[string]baseline.Result, failures map[string]string, err error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, nil, err
	}
	var suites []struct {
		SpecReports []struct {
			ContainerHierarchyTexts []string
			LeafNodeText            string
			LeafNodeType            string
			State                   string
			Failure                 struct{ Message string }
		}
	}
	if err := json.Unmarshal(text, &suites); err != nil || len(suites) != 1 {
		return nil, nil, fmt.Errorf("report with %d suites: %w", len(suites), err)
	}
	results, failures = map[string]baseline.Result{}, map[string]string{}
	for _, s := range suites[0].SpecReports {
		if s.LeafNodeType != "It" {
			if s.State != "passed" {
				return nil, nil, fmt.Errorf("%s: %s: %s", s.LeafNodeType, s.State, s.Failure.Message)
			}
			continue
		}
		name := strings.TrimPrefix(strings.Join(append(s.ContainerHierarchyTexts, s.LeafNodeText), " "), "[k8s.io] ")
		switch {
		case s.State == "passed":
			results[name] = baseline.Passed
		case s.State == "skipped" && s.Failure.Message != "": // by itself
			results[name] = baseline.Skipped
		case s.State == "skipped" && !focused:
			results[name] = baseline.Excluded
		case s.State != "skipped":
			results[name], failures[name] = baseline.Failed, s.Failure.Message
		}
	}
	return results, failures, nil
}

// pattern matches specs, and not those that begin or end with their names.
func pattern(specs []string) string {
	var all []string
	for _, s := range specs {
		all = append(all, regexp.QuoteMeta(s))
	}
	return "(" + strings.Join(all, "|") + ")$"
}

// progress keeps the end of what critest writes, and says how many specs it has
// run: it writes a dot for each.
type progress struct {
	say   func(int)
	text  []byte
	specs int
}

func (p *progress) Write(b []byte) (int, error) {
	before := p.specs
	p.specs += strings.Count(string(b), "•")
	if p.specs/20 > before/20 {
		p.say(p.specs)
	}
	p.text = append(p.text, b...)
	p.text = p.text[max(0, len(p.text)-10000):]
	return len(b), nil
}

func (p *progress) String() string { return string(p.text) }
