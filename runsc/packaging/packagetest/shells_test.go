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
	// zsh completes at a terminal alone; its own pseudo terminal is one. There
	// runsc says what it was called with.
	const script = `zmodload zsh/zpty
zpty z zsh -f -i
zpty -w z "PS1=; fpath=($1 \$fpath); autoload -Uz compinit; compinit -u -D; runsc() { print -r -- \"GOT:\$*:\" }; echo rea''dy"
zpty -r -m z ready '*ready*'
zpty -w z "$2"
zpty -r -m z out '*GOT:*:*'
print -r -- $out
zpty -d z`
	const want = "GOT:--network=none policy explain --format=json :"
	c := exec.Command("timeout", "60", "zsh", "-f", "-c", script, "zsh", share+"/zsh/vendor-completions", "runsc --network=none poli\texpl\t--fo\tj\t\"\"")
	if out, err := c.CombinedOutput(); err != nil || !strings.Contains(string(out), want) {
		t.Errorf("zsh: %v, want %s in\n%s", err, want, out)
	}
}
