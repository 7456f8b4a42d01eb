package e2e

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/directfs/runsc/runsc/harness"
)

// The kernel gives the PID of a sandbox process that ended to another process.
// Deleting the container does not kill that, and starting it does not take it
// for the sandbox process.
func TestDeleteLeavesStrangerWithPIDOfSandbox(t *testing.T) {
	for _, force := range []bool{false, true} {
		t.Run(fmt.Sprintf("force=%t", force), func(t *testing.T) {
			lab := newLab(t)
			c, err := lab.Create(harness.Context(t), lab.ID(), lab.Bundle(t, harness.Args("serve")))
			if err != nil {
				t.Fatal(err)
			}
			for _, pid := range []int{c.SandboxPID, c.GoferPID} {
				// The gofer ends with the sandbox process.
				if err := syscall.Kill(pid, syscall.SIGKILL); err != nil && err != syscall.ESRCH {
					t.Fatal(err)
				}
			}
			stranger := exec.Command("/bin/sleep", "1000")
			if err := stranger.Start(); err != nil {
				t.Fatal(err)
			}
			for _, suffix := range []string{"state", "plan"} {
				name := filepath.Join(lab.Root, c.ID+"_sandbox:"+c.ID+"."+suffix)
				data, err := os.ReadFile(name)
				if err != nil {
					t.Fatal(err)
				}
				number := func(pid int) []byte { return fmt.Appendf(nil, `"pid":%d,`, pid) }
				if err := os.WriteFile(name, bytes.Replace(data, number(c.SandboxPID), number(stranger.Process.Pid), 1), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			// Nor does starting it wait for that, or say how it ended.
			res, err := lab.Command(harness.Context(t), "start", c.ID)
			if err != nil {
				t.Fatal(err)
			}
			checkReason(t, "start", res, fmt.Sprintf("sandbox process (PID %d) has ended", stranger.Process.Pid))
			if res, err := lab.Command(harness.Context(t), "delete", fmt.Sprintf("--force=%t", force), c.ID); err != nil || res.ExitCode != 0 {
				t.Errorf("delete: %+v, %v", res, err)
			}
			// It ends by the first signal that it gets.
			if err := stranger.Process.Signal(syscall.SIGTERM); err != nil {
				t.Error(err)
			}
			_ = stranger.Wait()
			if ws, ok := stranger.ProcessState.Sys().(syscall.WaitStatus); !ok || ws.Signal() != syscall.SIGTERM {
				t.Errorf("the stranger ended with %v", stranger.ProcessState)
			}
			lab.CheckGone(t, c.ID)
		})
	}
}
