package sandbox

import (
	"os/exec"
	"syscall"
	"testing"
	"time"

	"github.com/directfs/runsc/directfspolicy"
	"github.com/directfs/runsc/pkg/ociconfig"
	"github.com/directfs/runsc/runsc/internal/statedir"
	"github.com/directfs/runsc/runsc/internal/supervise"
	specs "github.com/opencontainers/runtime-spec/specs-go"
)

// withVolume is the plan of a container with a volume.
func withVolume(t *testing.T) directfspolicy.Plan {
	t.Helper()
	m := specs.Mount{Destination: "/v", Type: "bind", Source: "/s", Options: []string{"gofer=blob/x"}}
	ask := func(ociconfig.GoferQuery) (directfspolicy.Gofer, error) { return directfspolicy.Gofer{}, nil }
	p, err := ociconfig.Plan(&specs.Spec{Root: &specs.Root{Path: "/r"}, Mounts: []specs.Mount{m}},
		ociconfig.Options{Flag: true, Gofers: map[string]ociconfig.GoferFunc{"blob": ask}})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// waiting starts a process that waits until end is called.
func waiting(t *testing.T) (cmd *exec.Cmd, end func()) {
	t.Helper()
	cmd = exec.Command("cat")
	in, err := cmd.StdinPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	return cmd, func() {
		in.Close()
		_ = cmd.Wait()
	}
}

// A gofer is told to hang up if the sandbox process waits for volumes. If that has
// ended, poststart hooks run on, and the gofer may have something to write.
func TestLateStart(t *testing.T) {
	for name, ended := range map[string]bool{"the sandbox process waits": false, "it has ended": true} {
		t.Run(name, func(t *testing.T) {
			root, plan := t.TempDir(), withVolume(t)
			saveMemberOf(t, root, "c", "c", plan)
			sandbox, endSandbox := waiting(t)
			defer endSandbox()
			gofer, endGofer := waiting(t)
			defer endGofer()
			held := supervise.Hold(func(int) bool { return false },
				supervise.Process{Kind: supervise.Sandbox, PID: sandbox.Process.Pid}, supervise.Process{Kind: supervise.Gofer, PID: gofer.Process.Pid})
			defer held.Close()
			if ended {
				endSandbox()
			}
			w := watchStart(time.Millisecond, root, statedir.ID{SandboxID: "c", ContainerID: "c"}, plan, held)
			if ended {
				<-w.done
			} else {
				_ = gofer.Wait()
			}
			if err := w.ended(); (err == nil) != ended {
				t.Errorf("the watch says %v", err)
			}
			endGofer()
			signal := gofer.ProcessState.Sys().(syscall.WaitStatus).Signal()
			if (signal == syscall.SIGTERM) == ended {
				t.Errorf("the gofer ended by %v", signal)
			}
		})
	}
}
