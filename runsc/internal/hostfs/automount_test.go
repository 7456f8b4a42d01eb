package hostfs

import (
	"fmt"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// What is mounted on demand is mounted when the gofer copies it, so that it has
// to be there when it is looked at. Here nobody is there to mount it, and the
// place is that of nothing.
func TestMountOnDemand(t *testing.T) {
	if kinds, err := os.ReadFile("/proc/filesystems"); err != nil || !strings.Contains(string(kinds), "\tautofs\n") {
		t.Skipf("the kernel has no autofs: %v", err)
	}
	other := exec.Command("/bin/sleep", "1000") // whose group would see the place as it is
	other.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := other.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = other.Process.Kill(); _ = other.Wait() }()
	inNamespace(t, func(r *Reader, dir string) {
		daemon, kernel, err := os.Pipe()
		if err != nil {
			t.Error(err)
			return
		}
		defer kernel.Close()
		options := fmt.Sprintf("fd=%d,pgrp=%d,minproto=5,maxproto=5,direct", kernel.Fd(), other.Process.Pid)
		place := mkdir(t, dir, "place")
		if err := unix.Mount("auto", place, "autofs", 0, options); err != nil {
			t.Error(err)
		}
		daemon.Close()
		if s := one(t, r, place); s.Inode != 0 || s.Path != place {
			t.Errorf("%+v", s)
		}
	})
}
