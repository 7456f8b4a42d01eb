package e2e

import (
	"os"
	"path/filepath"
	"strconv"
	"testing"

	"github.com/directfs/runsc/runsc/harness"
	"golang.org/x/sys/unix"
)

// No device node opens a device of the host, whoever holds the mount's
// directory, and no file of it changes a user.
func TestDonatedMountsCarryNoDevices(t *testing.T) {
	var host unix.Stat_t
	if err := unix.Stat("/", &host); err != nil {
		t.Fatal(err)
	}
	for _, how := range both {
		for _, mode := range []string{"rw", "ro"} {
			t.Run(how+" "+mode, func(t *testing.T) {
				lab := newLab(t)
				b := lab.Bundle(t, harness.RootfsHint(how), harness.Mount("/a", mode, "directfs="+how), harness.Args("serve"))
				for _, dir := range []string{b.Source("/a"), b.Rootfs()} {
					if err := unix.Mknod(filepath.Join(dir, "disk"), unix.S_IFBLK|0o666, int(host.Dev)); err != nil {
						t.Fatal(err)
					}
				}
				c := lab.Serve(t, b)
				readReport(t, c)
				for _, path := range []string{"/a/disk", "/disk"} {
					if res, err := c.Exec(harness.Context(t), "cat", path); err != nil || res.ExitCode == 0 {
						t.Errorf("the container reads %s: %v", path, err)
					}
				}
				checkNoDevices(t, c.SandboxPID)
				checkNoDevices(t, c.GoferPID)
				stop(t, lab, c)
			})
		}
	}
}

// checkNoDevices tries the nodes in all directories that a process holds, as
// the process could.
func checkNoDevices(t *testing.T, pid int) {
	t.Helper()
	dirs, err := harness.DirFDs(pid)
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range dirs {
		path := filepath.Join("/proc", strconv.Itoa(pid), "fd", strconv.Itoa(d.FD))
		node := filepath.Join(path, "disk")
		if _, err := os.Stat(node); err != nil {
			continue
		}
		if fd, err := unix.Open(node, unix.O_RDONLY, 0); err != unix.EACCES {
			t.Errorf("opening a device node in %s: %d, %v, want %v", d.Link, fd, err, unix.EACCES)
		}
		var st unix.Statfs_t
		const want = unix.ST_NODEV | unix.ST_NOSUID
		if err := unix.Statfs(path, &st); err != nil || st.Flags&want != want {
			t.Errorf("mount of %s has flags %#x, %v", d.Link, st.Flags, err)
		}
	}
}
