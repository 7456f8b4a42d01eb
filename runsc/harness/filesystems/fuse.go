package filesystems

import (
	"os/exec"
	"time"

	"github.com/moby/sys/mountinfo"
	"golang.org/x/sys/unix"
)

// deadline is for a file server to mount, and to end after it was unmounted.
const deadline = 30 * time.Second

// fuse runs a file server that passes a directory through.
func (m maker) fuse(at string) {
	m.t.Helper()
	table, err := unix.Open("/proc/self/mountinfo", unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		m.t.Fatal(err)
	}
	defer unix.Close(table)
	cmd := exec.Command("bindfs", "-f", m.content, at)
	if err := cmd.Start(); err != nil {
		m.t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	m.t.Cleanup(func() {
		select {
		case <-ended:
		case <-time.After(deadline):
			_ = cmd.Process.Kill()
			m.t.Errorf("bindfs still ran %v after it was unmounted", deadline)
			<-ended
		}
	})
	until := time.Now().Add(deadline)
	for {
		if mounted, err := mountinfo.Mounted(at); err == nil && mounted {
			m.unmountLater(at)
			return
		}
		select {
		case err := <-ended:
			ended <- err
			m.t.Fatalf("bindfs: %v", err)
		default:
		}
		if time.Now().After(until) {
			_ = cmd.Process.Kill()
			m.t.Fatalf("bindfs did not mount within %v", deadline)
		}
		// The kernel tells of every change of the mount table
		// (proc_pid_mountinfo(5)); who ends without a mount is seen a second later.
		_, _ = unix.Poll([]unix.PollFd{{Fd: int32(table), Events: unix.POLLPRI}}, 1000)
	}
}
