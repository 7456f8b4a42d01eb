package statedir

import (
	"strings"
	"testing"
	"time"

	specs "github.com/opencontainers/runtime-spec/specs-go"
)

// Who may read the root directory can lock it, and keeps nobody waiting forever.
func TestRootThatSomebodyKeepsLocked(t *testing.T) {
	defer func(d time.Duration) { rootPatience = d }(rootPatience)
	rootPatience = time.Millisecond
	root := t.TempDir()
	unlock, err := lockRoot(root)
	do(t, err)
	if _, err := Begin(root, id, time.Now(), plan(t, true), &specs.Spec{}, nil); err == nil || !strings.Contains(err.Error(), "/proc/locks") {
		t.Errorf("while it is locked: %v", err)
	}
	expectFiles(t, root)
	unlock()
	rootPatience = time.Minute
	do(t, begin(t, root, true).Abandon())
}
