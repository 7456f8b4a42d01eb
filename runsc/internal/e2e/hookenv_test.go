package e2e

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/directfs/runsc/runsc/harness"
	specs "github.com/opencontainers/runtime-spec/specs-go"
)

// A hook that has no environment of its own gets the client's, or the gofer's.
// Nothing in it is the runtime's.
func TestHooksGetNothingOfOurs(t *testing.T) {
	lab := newLab(t)
	pause := servePod(t, lab, lab.Runtime, true, harness.PodSandbox())
	for name, opts := range map[string][]harness.Option{"standalone": nil, "member": {harness.PodMember(pause.ID, "app")}} {
		dir, err := os.MkdirTemp(lab.Dir, "b")
		if err != nil {
			t.Fatal(err)
		}
		hook := func(hook string) []specs.Hook {
			return []specs.Hook{{Path: "/bin/sh", Args: []string{"sh", "-c", "env > " + filepath.Join(dir, hook)}}}
		}
		//lint:ignore SA1019 docker still sends prestart hooks
		hooks := specs.Hooks{Prestart: hook("prestart"), CreateRuntime: hook("createRuntime"), CreateContainer: hook("createContainer"), Poststart: hook("poststart"), Poststop: hook("poststop")}
		c := lab.Serve(t, lab.Bundle(t, append(opts, harness.Hooks(hooks), harness.Args("serve"))...))
		readReport(t, c)
		stop(t, lab, c)
		for _, hook := range []string{"prestart", "createRuntime", "createContainer", "poststart", "poststop"} {
			env, err := os.ReadFile(filepath.Join(dir, hook))
			if err != nil || strings.Contains(string(env), "RUNSC_DIRECTFS") || strings.Contains(string(env), "RUNSC_CLIENT") {
				t.Errorf("%s of a %s has %v:\n%s", hook, name, err, env)
			}
		}
	}
	stop(t, lab, pause)
}
