package e2e

import (
	"fmt"
	"strings"
	"testing"

	"github.com/directfs/runsc/runsc/harness"
)

// A sandbox or gofer that only reads has a second filter stacked upon the
// engine's, and the engine's is there in any case. It is not compiled at the
// start: the binary carries programs that were made from its engine.
func TestFiltersAreStackedAndPrecompiled(t *testing.T) {
	for _, readOnly := range []bool{true, false} {
		for _, directfs := range []bool{true, false} {
			t.Run(fmt.Sprintf("%s,read-only=%v", flag(directfs), readOnly), func(t *testing.T) {
				lab := newLab(t, flag(directfs))
				logTo(t, lab)
				opts := []harness.Option{harness.Mount("/a", "rw"), harness.Args("serve")}
				sandbox, gofer := 1, 1
				if readOnly {
					opts = []harness.Option{harness.Mount("/a", "ro"), harness.ReadonlyRoot(), harness.Args("serve")}
					gofer++
					if directfs {
						sandbox++
					}
				}
				c := lab.Serve(t, lab.Bundle(t, opts...))
				readReport(t, c)
				checkFilterCount(t, "sandbox", c.SandboxPID, sandbox)
				checkFilterCount(t, "gofer", c.GoferPID, gofer)
				for _, process := range []string{"boot", "gofer"} {
					log, err := lab.Log(c.ID, process)
					if err != nil || !strings.Contains(log, "Loaded precompiled seccomp instructions") {
						t.Errorf("%s compiled its filter: %v, %q", process, err, lineWith(log, "seccomp program from scratch"))
					}
				}
				stop(t, lab, c)
			})
		}
	}
}

func checkFilterCount(t *testing.T, name string, pid, want int) {
	t.Helper()
	s, err := harness.ReadStatus(pid)
	if err != nil {
		t.Fatal(err)
	}
	if s.SeccompFilters != want {
		t.Errorf("the %s has %d seccomp filters, want %d", name, s.SeccompFilters, want)
	}
}

// lineWith returns the first line that has the words in it.
func lineWith(text, words string) string {
	for line := range strings.Lines(text) {
		if strings.Contains(line, words) {
			return line
		}
	}
	return ""
}
