package sandbox

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/directfs/runsc/directfspolicy"
	"github.com/directfs/runsc/runsc/internal/statedir"
	"gvisor.dev/gvisor/runsc/config"
)

// A sandbox whose id begins with another one's is another sandbox, and what it
// has, or is broken there, does not count.
func TestSandboxWithIDThatBeginsAnother(t *testing.T) {
	conf := &config.Config{RootDir: t.TempDir()}
	saveMember(t, conf.RootDir, "pod", directfspolicy.Plan{})
	saveMemberOf(t, conf.RootDir, "pod2", "writer", member(t, directfspolicy.CacheShared))
	id := statedir.ID{SandboxID: "pod", ContainerID: "a"}
	checkAllowed := func() {
		t.Helper()
		unlock, err := lockPod(conf, id, member(t, directfspolicy.CacheExclusive))
		if err != nil {
			t.Fatal(err)
		}
		unlock()
	}
	checkAllowed()
	if err := os.WriteFile(filepath.Join(conf.RootDir, "b_sandbox:pod3.state"), []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	checkAllowed()
	saveMember(t, conf.RootDir, "a", directfspolicy.Plan{})
	if _, err := statedir.FindFilestores(conf.RootDir, id); err != nil {
		t.Errorf("a broken state of another sandbox hides the container's files: %v", err)
	}
}
