package verify

import (
	"fmt"
	"os"
	"os/exec"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

func TestElsewhere(t *testing.T) {
	if got, err := parentOf(os.Getpid()); err != nil || got != os.Getppid() {
		t.Errorf("parent: %d, %v, want %d", got, err, os.Getppid())
	}
	// Its child is in its mount namespace, and neither is in ours.
	shell := exec.Command("sh", "-c", "sleep 1000 & echo $!; wait")
	shell.SysProcAttr = &syscall.SysProcAttr{Cloneflags: unix.CLONE_NEWNS, Setpgid: true}
	out, err := shell.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := shell.Start(); err != nil {
		t.Skipf("no mount namespace: %v", err)
	}
	defer func() {
		_ = unix.Kill(-shell.Process.Pid, unix.SIGKILL)
		_ = shell.Wait() // killed
	}()
	var child int
	if _, err := fmt.Fscan(out, &child); err != nil {
		t.Fatal(err)
	}
	got, pid := elsewhere(child), shell.Process.Pid
	want := fmt.Sprintf("paths may lead elsewhere here: the gofer's parent, process %d, is in another mount namespace; to compare there: nsenter --mount --target %d runsc --root=... policy verify ...", pid, pid)
	if got != want {
		t.Errorf("%q, want %q", got, want)
	}
	if got := elsewhere(shell.Process.Pid); got != "" {
		t.Errorf("with a parent in our namespace: %q", got)
	}
}
