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
			stranger := startStranger(t)
			for _, suffix := range []string{"state", "plan"} {
				givePID(t, lab, c.ID, c.ID, suffix, "pid", c.SandboxPID, stranger)
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
			checkUntouched(t, stranger)
			lab.CheckGone(t, c.ID)
		})
	}
}

// The same with the gofer of a container of a pod, which is started when the
// container is.
func TestDeleteLeavesStrangerWithPIDOfGofer(t *testing.T) {
	lab := newLab(t)
	pause := servePod(t, lab, lab.Runtime, true, harness.PodSandbox())
	c := lab.Serve(t, lab.Bundle(t, harness.PodMember(pause.ID, "app"), harness.Args("serve")))
	if err := syscall.Kill(c.GoferPID, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	stranger := startStranger(t)
	givePID(t, lab, c.ID, pause.ID, "state", "goferPid", c.GoferPID, stranger)
	givePID(t, lab, c.ID, pause.ID, "plan", "pid", c.GoferPID, stranger)
	remove(t, lab, c)
	checkUntouched(t, stranger)
	stop(t, lab, pause)
}

func startStranger(t *testing.T) *exec.Cmd {
	t.Helper()
	stranger := exec.Command("/bin/sleep", "1000")
	if err := stranger.Start(); err != nil {
		t.Fatal(err)
	}
	return stranger
}

// givePID writes the stranger's PID where a file of a container has that of a
// process.
func givePID(t *testing.T, lab *harness.Lab, id, sandbox, suffix, key string, pid int, stranger *exec.Cmd) {
	t.Helper()
	name := filepath.Join(lab.Root, id+"_sandbox:"+sandbox+"."+suffix)
	data, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	number := func(pid int) []byte { return fmt.Appendf(nil, "%q:%d,", key, pid) }
	if !bytes.Contains(data, number(pid)) {
		t.Errorf("%s does not name process %d", name, pid)
	}
	if err := os.WriteFile(name, bytes.Replace(data, number(pid), number(stranger.Process.Pid), 1), 0o600); err != nil {
		t.Fatal(err)
	}
}

// checkUntouched fails the test if a process was killed. It ends by the first
// signal that it gets.
func checkUntouched(t *testing.T, stranger *exec.Cmd) {
	t.Helper()
	if err := stranger.Process.Signal(syscall.SIGTERM); err != nil {
		t.Error(err)
	}
	_ = stranger.Wait()
	if ws, ok := stranger.ProcessState.Sys().(syscall.WaitStatus); !ok || ws.Signal() != syscall.SIGTERM {
		t.Errorf("the stranger ended with %v", stranger.ProcessState)
	}
}
