package main

import (
	"os/exec"
	"testing"
	"time"
)

func TestDebianVersion(t *testing.T) {
	early, late := time.Unix(1700000000, 0), time.Unix(1700000001, 0)
	// Each sorts before the next.
	all := []struct {
		described string
		commit    time.Time
		want      string
	}{
		{"ffffffffffff", early, "0~git20231114221320.ffffffffffff-1"},
		{"000000000000", late, "0~git20231114221321.000000000000-1"},
		{"000000000000-dirty", late, "0~git20231114221321.000000000000+dirty-1"},
		{"v0.1.0-rc1", early, "0.1.0~rc1-1"},
		{"v0.1.0-rc1-2-gabc", early, "0.1.0~rc1+git2.abc-1"},
		{"v0.1.0-rc.2", early, "0.1.0~rc.2-1"},
		{"v0.1.0", early, "0.1.0-1"},
		{"v0.1.0-dirty", early, "0.1.0+dirty-1"},
		{"v0.1.0-9-gfff", early, "0.1.0+git9.fff-1"},
		{"v0.1.0-10-g000", early, "0.1.0+git10.000-1"},
		{"v0.1.0-10-g000-dirty", early, "0.1.0+git10.000+dirty-1"},
		{"v0.1.1", early, "0.1.1-1"},
		{"v0.10.0", early, "0.10.0-1"},
	}
	_, err := exec.LookPath("dpkg")
	for i, v := range all {
		got := debianVersion(v.described, v.commit)
		if got != v.want {
			t.Errorf("%s: %s, want %s", v.described, got, v.want)
		}
		if i == 0 || err != nil || got == all[i-1].want {
			continue
		}
		if out, err := exec.Command("dpkg", "--compare-versions", all[i-1].want, "lt", got).CombinedOutput(); err != nil {
			t.Errorf("%s does not sort before %s: %v %s", all[i-1].want, got, err, out)
		}
	}
}
