package verify

import (
	"os/exec"
	"testing"

	"golang.org/x/sys/unix"
)

// A process that has ended is gone, whether or not its parent has waited for it.
func TestEndedProcessIsGone(t *testing.T) {
	cmd := exec.Command("/bin/true")
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	var info unix.Siginfo
	err := unix.EINTR
	for err == unix.EINTR {
		err, _ = unix.Waitid(unix.P_PID, cmd.Process.Pid, &info, unix.WEXITED|unix.WNOWAIT, nil).(unix.Errno)
	}
	if err != 0 {
		t.Fatal(err)
	}
	if _, err := readProcess(cmd.Process.Pid); !gone(err) {
		t.Errorf("before it is waited for: %v", err)
	}
	if err := cmd.Wait(); err != nil {
		t.Fatal(err)
	}
	if _, err := readProcess(cmd.Process.Pid); !gone(err) {
		t.Errorf("after: %v", err)
	}
}
