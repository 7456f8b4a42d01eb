package conformance

import (
	"cmp"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/directfs/runsc/runsc/internal/clients/conformance/baseline"
	"github.com/directfs/runsc/runsc/internal/clients/lab"
)

// runtimetest is the program of runtime-tools that runs in containers. All others
// start containers.
const runtimetest = "runtimetest"

// many is how many programs write a point of runtimetest's at least, and no other.
const many = 5

// points are what the programs have tested, by the program and the description.
// true says that the point was met each time.
type points struct {
	programs map[string]baseline.Result
	met      map[string]map[string]bool
}

// runTools runs all programs of runtime-tools with a runtime.
func runTools(t *testing.T, runtime string, flags ...string) points {
	t.Helper()
	l := lab.New(t)
	dir := l.Mkdir("suite")
	l.Run(t, "cp", tool(t, l, "runtimetools", runtimetest), dir)
	l.Run(t, "cp", tool(t, l, "runtimetools-rootfs.tar.gz"), filepath.Join(dir, "rootfs-amd64.tar.gz"))
	command := append([]string{"exec", binary(t, l, runtime), "--root=" + l.Path("root")}, flags...)
	script := l.Write("#!/bin/sh\n"+strings.Join(command, " ")+" \"$@\"\n", "runtime")
	if err := os.Chmod(script, 0o755); err != nil {
		t.Fatal(err)
	}
	l.Setenv("RUNTIME", script)
	programs, err := filepath.Glob(filepath.Join(l.Module, "bin/clients/runtimetools/*"))
	if err != nil {
		t.Fatal(err)
	}
	p := points{map[string]baseline.Result{}, map[string]map[string]bool{}}
	for i, program := range programs {
		if name := filepath.Base(program); name != runtimetest {
			p.add(name, l.Try("env", "-C", dir, "timeout", "--kill-after=5", "60", program))
		}
		if i%20 == 19 {
			t.Logf("runtime-tools, %s: %d of %d programs", runtime, i+1, len(programs))
		}
	}
	return p
}

// A point's line (testanything.org). Descriptions have exit statuses, which
// runtimes may choose.
var (
	pointLine  = regexp.MustCompile(`(?m)^(not )?ok \d+(?: - (.*))?$`)
	exitStatus = regexp.MustCompile(`exit status \d+`)
)

// add reads what a program has written. Some write no point, and an error if there
// is one.
func (p points) add(program string, r lab.Result) {
	p.programs[program] = baseline.Passed
	p.met[program] = map[string]bool{}
	all := pointLine.FindAllStringSubmatch(r.Stdout, -1)
	for _, m := range all {
		met, description := m[1] == "", cmp.Or(exitStatus.ReplaceAllString(m[2], "exit status"), "(without a description)")
		before, again := p.met[program][description]
		p.met[program][description] = met && (before || !again)
		if !met {
			p.programs[program] = baseline.Failed
		}
	}
	if r.Code != 0 || len(all) == 0 && strings.Contains(r.Stdout, `"error":`) {
		p.programs[program] = baseline.Failed
	}
}

// results are those of the programs, of points that were not met, and of those
// that are expected. A point that no program got to is skipped.
func (p points) results(expected map[string]baseline.Result) map[string]baseline.Result {
	in := map[string]int{}
	for _, all := range p.met {
		for description := range all {
			in[description]++
		}
	}
	all := map[string]baseline.Result{}
	for program, met := range p.met {
		for description, ok := range met {
			name := program + ": " + description
			if in[description] >= many {
				name = runtimetest + ": " + description
			}
			if !ok {
				all[name] = baseline.Failed
			} else if all[name] == "" {
				all[name] = baseline.Passed
			}
		}
	}
	out := map[string]baseline.Result{}
	for name, r := range all {
		if _, ok := expected[name]; ok || r == baseline.Failed {
			out[name] = r
		}
	}
	for name := range expected {
		if out[name] == "" && strings.Contains(name, ": ") {
			out[name] = baseline.Skipped
		}
	}
	for program, r := range p.programs {
		out[program] = r
	}
	return out
}
