package statedir

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	specs "github.com/opencontainers/runtime-spec/specs-go"
	"gvisor.dev/gvisor/runsc/boot"
	"gvisor.dev/gvisor/runsc/container"
)

// A client that was killed while it started a container leaves files in the
// sources of mounts, with which it could not be started again. Those of others
// in the sandbox stay, and those of a container that runs.
func TestSweepRemovesFilestores(t *testing.T) {
	for _, status := range []container.Status{container.Created, container.Running} {
		root, shared, own := t.TempDir(), t.TempDir(), t.TempDir()
		member, pod := ID{ContainerID: "m", SandboxID: "p"}, ID{ContainerID: "p", SandboxID: "p"}
		write := func(id ID, suffix string, status container.Status, sources ...string) {
			t.Helper()
			s := state{Status: status, Spec: &specs.Spec{}}
			for _, source := range sources {
				s.Spec.Mounts = append(s.Spec.Mounts, specs.Mount{Source: source})
			}
			data, err := json.Marshal(s)
			if err == nil {
				err = os.WriteFile(path(root, id, suffix), data, 0o600)
			}
			if err != nil {
				t.Fatal(err)
			}
		}
		write(pod, engineSuffix, container.Running, shared)
		write(member, engineSuffix, status, shared, own)
		write(member, savedSuffix, container.Created, shared, own)
		files := []string{filepath.Join(root, "runsc-p.sock"), boot.SelfFilestorePath(shared, "p"), boot.SelfFilestorePath(own, "p")}
		for _, f := range files {
			if err := os.WriteFile(f, nil, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		Sweep(root)
		for i, want := range []bool{true, true, status == container.Running} {
			if there, err := exists(files[i]); there != want || err != nil {
				t.Errorf("%s: %s: %t, %v, want %t", status, files[i], there, err, want)
			}
		}
		expectFiles(t, root, "m_sandbox:p.state", "p_sandbox:p.state", "runsc-p.sock")
	}
}
