package e2e

import (
	"fmt"
	"os"
	"testing"

	"github.com/directfs/runsc/runsc/harness"
	specs "github.com/opencontainers/runtime-spec/specs-go"
)

// A createContainer hook covers a mount that is off, or moves it into one that
// is on. It is in no other mount's copy afterwards: the sandbox holds no
// directory of it. The guest sees what the hook left there.
func TestIsolatedHooksThatCoverAndMove(t *testing.T) {
	for name, c := range map[string]struct{ script, want string }{
		"cover":          {"mount -t tmpfs hook off && touch off/by-hook", `["by-hook"]`},
		"cover twice":    {"mount -t tmpfs hook off && mount -t tmpfs hook off && touch off/by-hook", `["by-hook"]`},
		"cover the file": {"touch file.new && mount --bind file.new file", `["of-off"]`},
		"move":           {"mkdir on/x && mount --move off on/x", `["of-off"]`},
		"share and move": {"mount --make-shared on && mkdir on/x && mount --move off on/x", `["of-off"]`},
	} {
		t.Run(name, func(t *testing.T) {
			lab := newLab(t, "--overlay2=none")
			b := lab.Bundle(t, harness.RootfsHint("on"), harness.Mount("/off", "rw", "directfs=off"), harness.FileMount("/file", "text", "directfs=off"), harness.Mount("/on", "rw", "directfs=on"), mark, harness.Args("serve"))
			script := fmt.Sprintf("cd %s && %s", b.Rootfs(), c.script)
			b.Spec.Hooks = &specs.Hooks{CreateContainer: []specs.Hook{{Path: "/bin/sh", Args: []string{"sh", "-c", script}, Env: os.Environ()}}}
			if err := b.Save(); err != nil {
				t.Fatal(err)
			}
			s := lab.Serve(t, b)
			readReport(t, s)
			checkHeld(t, s, []string{"/", "/on"})
			if got := names(t, s, "/off"); got != c.want {
				t.Errorf("/off shows %s, want %s", got, c.want)
			}
			stop(t, lab, s)
		})
	}
}
