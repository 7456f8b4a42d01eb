package packagetest

import (
	"os/exec"
	"strings"
	"testing"
)

// The shells themselves say what they offer. How bash asks is tested where the
// package is installed.
func TestShells(t *testing.T) {
	share := unpacked(t, here) + "/usr/share"
	fish := func(line string) string {
		return run(t, "fish", "--no-config", "-c", "source "+share+"/fish/vendor_completions.d/runsc.fish; complete -C $argv | string split -f1 \\t; true", line)
	}
	if got := strings.Fields(fish("runsc --network=none pol")); len(got) != 1 || got[0] != "policy" {
		t.Errorf("fish offers %q", got)
	}
	if got := fish("runsc policy explain --form"); !strings.Contains(got, "--format") {
		t.Errorf("fish offers %q", got)
	}
	// zsh completes at a terminal alone; its own pseudo terminal is one.
	const script = `zmodload zsh/zpty
zpty z zsh -f -i
zpty -w z "PS1=; fpath=($1 \$fpath); autoload -Uz compinit; compinit -u -D; echo rea''dy"
zpty -r -m z ready '*ready*'
zpty -w -n z $2$'\t'$3
zpty -r -m z out "*$4*"
print -r -- $out
zpty -d z`
	c := exec.Command("timeout", "60", "zsh", "-f", "-c", script, "zsh", share+"/zsh/vendor-completions", "runsc --network=none poli", "expl\t --fo\tj\t", "policy explain --format=json")
	if out, err := c.CombinedOutput(); err != nil {
		t.Errorf("zsh: %v\n%s", err, out)
	}
}
