package sandbox

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/directfs/runsc/directfspolicy"
	"github.com/directfs/runsc/runsc/internal/statedir"
	"github.com/directfs/runsc/runsc/internal/supervise"
	"github.com/google/subcommands"
	specs "github.com/opencontainers/runtime-spec/specs-go"
	"gvisor.dev/gvisor/runsc/config"
)

// A container whose sandbox process nobody would end with its client is not
// passed off as created.
func TestSilentSandboxProcess(t *testing.T) {
	for _, silent := range []bool{true, false} {
		root, plan := t.TempDir(), member(t, directfspolicy.CacheShared)
		c := &creation{conf: &config.Config{RootDir: root}, plan: plan, spec: &specs.Spec{}, id: statedir.ID{SandboxID: "pod", ContainerID: "a"}, started: make(chan struct{})}
		if err := c.beginJournal(); err != nil {
			t.Fatal(err)
		}
		var err error
		if c.children, err = supervise.Start(supervise.Options{}); err != nil {
			t.Fatal(err)
		}
		saveMember(t, root, "a", plan)
		if !silent {
			close(c.started)
		}
		if err := c.settle(); (err != nil) != silent || silent && !strings.Contains(err.Error(), "did not report") {
			t.Errorf("silent: %t, error: %v", silent, err)
		}
		c.children.Close()
	}
}

// A command that waits for its container, and deletes it, does not pass over a
// sandbox process that nobody supervised.
func TestSilentSandboxProcessOfRun(t *testing.T) {
	for _, silent := range []bool{true, false} {
		c := &creation{
			conf: &config.Config{RootDir: t.TempDir()}, spec: &specs.Spec{}, id: statedir.ID{SandboxID: "a", ContainerID: "a"},
		}
		code := c.run("run", func() subcommands.ExitStatus {
			if !silent {
				close(c.started)
			}
			return subcommands.ExitSuccess
		})
		if (code != subcommands.ExitSuccess) != silent {
			t.Errorf("silent: %t, exit status %v", silent, code)
		}
	}
}

// The root directory of a "do" that has ended is not made again.
func TestJournalMakesNoOwnRoot(t *testing.T) {
	for _, own := range []bool{true, false} {
		root := filepath.Join(t.TempDir(), "root")
		c := &creation{conf: &config.Config{RootDir: root}, plan: member(t, directfspolicy.CacheShared), spec: &specs.Spec{}, id: statedir.ID{SandboxID: "a", ContainerID: "a"}, own: own}
		err := c.beginJournal()
		if _, statErr := os.Stat(root); (err != nil) != own || (statErr != nil) != own {
			t.Errorf("own: %t, error: %v, %v", own, err, statErr)
		}
		if err := c.journal.Abandon(); err != nil {
			t.Error(err)
		}
	}
}
