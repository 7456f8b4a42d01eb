package e2e

import (
	"os"
	"strings"
	"testing"

	"github.com/directfs/runsc/runsc/harness"
	specs "github.com/opencontainers/runtime-spec/specs-go"
)

// shared has the engine keep mounts of a source in the sandbox, for all containers.
func shared(source, kind string) harness.Option {
	return harness.Edit(func(s *specs.Spec) {
		for key, value := range map[string]string{"type": kind, "share": "pod", "options": "rw", "source": source} {
			s.Annotations["dev.gvisor.spec.mount.s."+key] = value
		}
	})
}

// Annotations of the engine's do not put memory in the place of an overlay or of its
// layers, and an overlay of the sandbox is in no memory that others have too.
func TestOverlayRefusedInSharedMemory(t *testing.T) {
	const layer = `mount "/ov": invalid request: annotation dev.gvisor.spec.mount.s.share="pod" keeps mounts of`
	for name, tt := range map[string]struct {
		options func(s stack) []harness.Option
		want    string
	}{
		"name":       {func(s stack) []harness.Option { return []harness.Option{shared("overlay", "tmpfs"), s.at("/ov")} }, layer},
		"name, bind": {func(s stack) []harness.Option { return []harness.Option{shared("overlay", "bind"), s.at("/ov")} }, layer},
		"upper": {func(s stack) []harness.Option {
			return []harness.Option{shared(s.upper, "tmpfs"), s.at("/ov", bySentry)}
		}, layer},
		"upper, bind": {func(s stack) []harness.Option {
			return []harness.Option{shared(s.upper, "bind"), s.at("/ov", bySentry)}
		}, layer},
		"lower": {func(s stack) []harness.Option {
			return []harness.Option{shared(s.lowers[0], "tmpfs"), s.at("/ov", bySentry)}
		}, layer},
		"first": {func(s stack) []harness.Option {
			return []harness.Option{shared(os.Getenv("RUNSC_BIN"), "tmpfs"), s.at("/ov", bySentry)}
		}, layer},
		"in memory": {func(s stack) []harness.Option {
			return []harness.Option{shared("/m", "tmpfs"), memory("/t"), s.at("/t/d/ov", bySentry)}
		}, `mount "/t": annotation dev.gvisor.spec.mount.s.share="pod" shares it with other containers`},
		"upper, host": {func(s stack) []harness.Option { return []harness.Option{shared(s.upper, "tmpfs"), s.at("/ov")} }, ""},
		"alone": {func(s stack) []harness.Option {
			return []harness.Option{shared("/m", "tmpfs"), memory("/t"), s.at("/ov")}
		}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			lab := newLab(t)
			s := newStack(t, lab, "s", 2)
			res, err := lab.Run(harness.Context(t), lab.ID(), lab.Bundle(t, append(tt.options(s), harness.PodSandbox(), harness.Args("ops", "/ov"))...))
			if err != nil {
				t.Fatal(err)
			}
			if tt.want == "" && res.ExitCode != 0 || tt.want != "" && (res.ExitCode != 128 || !strings.Contains(res.Stderr, tt.want)) {
				t.Errorf("exit code %d, want an error with %q: %s", res.ExitCode, tt.want, res.Stderr)
			}
		})
	}
}

func memory(destination string) harness.Option {
	return harness.RawMount(specs.Mount{Destination: destination, Type: "tmpfs", Source: "/m"})
}
