package sandbox

import (
	"os"
	"os/exec"
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
		if left, err := os.ReadDir(c.conf.RootDir); err != nil || !silent && len(left) > 0 {
			t.Errorf("silent: %t, left: %v, %v", silent, left, err)
		}
	}
}

// A gofer whose hello comes after the sandbox process's is held as well: the error
// must not say that it never said one.
func TestGoferSaysHelloLast(t *testing.T) {
	c := &creation{
		conf: &config.Config{RootDir: t.TempDir()}, plan: member(t, directfspolicy.CacheShared), spec: &specs.Spec{}, id: statedir.ID{SandboxID: "pod", ContainerID: "a"},
		held: &supervise.Held{}, started: make(chan struct{}), show: func() {},
	}
	if err := c.beginJournal(); err != nil {
		t.Fatal(err)
	}
	defer c.held.Close()
	for _, kind := range []supervise.Kind{supervise.Sandbox, supervise.Gofer} {
		cmd := exec.Command("cat")
		stdin, err := cmd.StdinPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		defer cmd.Wait()
		defer stdin.Close()
		c.note(supervise.Process{Kind: kind, PID: cmd.Process.Pid})
		c.note(supervise.Process{Kind: kind, PID: cmd.Process.Pid}) // another process with the same socket
		if !c.held.Has(kind) {
			t.Errorf("the %s process is not held", kind)
		}
	}
	if kind, ok := c.silent([]string{"sandbox process: no such resource"}); ok {
		t.Errorf("the %s process is said to have ended before it could say why", kind)
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

// The socket of a command that draws an id is there before its journal is, and
// goes nevertheless. One that was there before another command is not its own.
func TestJournalOfLateCommandHasTheSocket(t *testing.T) {
	for _, late := range []bool{true, false} {
		root := t.TempDir()
		socket := filepath.Join(root, "runsc-a.sock")
		if err := os.WriteFile(socket, nil, 0o600); err != nil {
			t.Fatal(err)
		}
		c := &creation{conf: &config.Config{RootDir: root, IgnoreCgroups: true}, plan: member(t, directfspolicy.CacheShared), spec: &specs.Spec{}, id: statedir.ID{SandboxID: "a", ContainerID: "a"}, late: late}
		if err := c.beginJournal(); err != nil {
			t.Fatal(err)
		}
		if err := c.journal.Abandon(); err != nil {
			t.Error(err)
		}
		if _, err := os.Stat(socket); (err != nil) != late {
			t.Errorf("late: %t, socket: %v", late, err)
		}
	}
}
