package lab

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"
)

// overlaid are the directories that look as on the host, but whose changes are
// the machine's. A package's own files, below /usr, are the host's.
var overlaid = []string{"/etc", "/usr/local", "/opt", "/var", "/srv"}

// empty are the directories that start empty. Engines keep layers in those
// below /var, and a file system on an overlay could not be an upper layer.
var empty = []string{"/run", "/dev/shm", "/var/tmp", "/var/lib/containerd", "/var/lib/containers", "/var/lib/docker", "/var/lib/kubelet"}

// mountMachine mounts the machine's directories. What changes is in memory, in
// a file system that is mounted on dir in this mount namespace only.
func mountMachine(dir string) error {
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		return fmt.Errorf("making mounts private: %w", err)
	}
	if err := mount("tmpfs", dir, "mode=0711"); err != nil {
		return err
	}
	if err := mount("proc", "/proc", ""); err != nil {
		return err
	}
	if err := mount("sysfs", "/sys", ""); err != nil {
		return err
	}
	if err := mountCgroups(); err != nil {
		return err
	}
	for _, d := range overlaid {
		if err := mountOverlay(dir, d); err != nil {
			return err
		}
	}
	for _, d := range empty {
		if err := os.MkdirAll(d, 0o755); err != nil {
			return err
		}
		mode := "mode=0755"
		if d == "/dev/shm" || d == "/var/tmp" {
			mode = "mode=1777"
		}
		if err := mount("tmpfs", d, mode); err != nil {
			return err
		}
	}
	// As where systemd is the first process: engines want to say what propagates.
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_SHARED, ""); err != nil {
		return fmt.Errorf("making mounts shared: %w", err)
	}
	return nil
}

func mount(kind, target, data string) error {
	if err := unix.Mount(kind, target, kind, 0, data); err != nil {
		return fmt.Errorf("mount %s on %s: %w", kind, target, err)
	}
	return nil
}

func mountOverlay(dir, target string) error {
	if _, err := os.Stat(target); errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	place := filepath.Join(dir, "."+strings.ReplaceAll(target, "/", "-"))
	upper, work := filepath.Join(place, "upper"), filepath.Join(place, "work")
	for _, d := range []string{upper, work} {
		if err := os.MkdirAll(d, 0o755); err != nil {
			return err
		}
	}
	if err := unix.Mount("overlay", target, "overlay", 0, "lowerdir="+target+",upperdir="+upper+",workdir="+work); err != nil {
		return fmt.Errorf("mount an overlay on %s: %w", target, err)
	}
	return nil
}

// raiseLoopback gives the machine its only network.
func raiseLoopback() error {
	s, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer unix.Close(s)
	request, err := unix.NewIfreq("lo")
	if err != nil {
		return err
	}
	request.SetUint16(unix.IFF_UP | unix.IFF_RUNNING)
	if err := unix.IoctlIfreq(s, unix.SIOCSIFFLAGS, request); err != nil {
		return fmt.Errorf("raise lo: %w", err)
	}
	return nil
}
