package overlayfs_test

import (
	"errors"
	"os"
	"testing"

	"github.com/directfs/runsc/runsc/harness/filesystems"
	"github.com/directfs/runsc/runsc/internal/overlayfs"
	"golang.org/x/sys/unix"
)

func probe(t testing.TB, dir string, d overlayfs.Dialect) error {
	t.Helper()
	fd, err := unix.Open(dir, unix.O_PATH|unix.O_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(fd)
	err = overlayfs.Probe(fd, d)
	if left, readErr := os.ReadDir(dir); readErr != nil || len(left) > 0 {
		t.Errorf("left behind: %v, %v", left, readErr)
	}
	return err
}

func TestProbe(t *testing.T) {
	const exchange = "RENAME_EXCHANGE (rename(2)), for removing directories"
	for kind, want := range map[filesystems.Kind]map[overlayfs.Dialect]string{
		filesystems.Ext4:     {},
		filesystems.XFS:      {},
		filesystems.Btrfs:    {},
		filesystems.Tmpfs:    {},
		filesystems.Ramfs:    {overlayfs.Trusted: "the extended attribute trusted.overlay.opaque", overlayfs.User: "the extended attribute user.overlay.opaque"},
		filesystems.FUSE:     {overlayfs.Trusted: exchange, overlayfs.User: exchange},
		filesystems.Squashfs: {overlayfs.Trusted: "mkdir(2) in the work directory", overlayfs.User: "mkdir(2) in the work directory"},
	} {
		for _, d := range []overlayfs.Dialect{overlayfs.Trusted, overlayfs.User} {
			t.Run(string(kind)+" "+string(d), func(t *testing.T) {
				at := filesystems.New(t, kind, filesystems.Options{})
				if kind != filesystems.Squashfs {
					at = mkdir(t, at, "work")
				}
				err := probe(t, at, d)
				var u *overlayfs.Unsupported
				if errors.As(err, &u) != (want[d] != "") || u != nil && u.What != want[d] || u == nil && err != nil {
					t.Errorf("%v, want %q", err, want[d])
				}
			})
		}
	}
}

// What an earlier one left when it was killed is in nobody's way.
func TestProbeAgain(t *testing.T) {
	dir := mkdir(t, disk(t), "work")
	write(t, dir+"/runsc-overlay-probe/a")
	mkdir(t, dir, "runsc-overlay-probe/c")
	if err := probe(t, dir, overlayfs.Trusted); err != nil {
		t.Error(err)
	}
}

// Nothing is done elsewhere, and what is not the probe's stays.
func TestProbeElsewhere(t *testing.T) {
	dir := disk(t)
	work, other := mkdir(t, dir, "work"), mkdir(t, dir, "other")
	write(t, other+"/a")
	if err := os.Symlink(other, work+"/runsc-overlay-probe"); err != nil {
		t.Fatal(err)
	}
	fd, err := unix.Open(work, unix.O_PATH|unix.O_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(fd)
	if err := overlayfs.Probe(fd, overlayfs.Trusted); err == nil {
		t.Error("no error")
	}
	if _, err := os.Stat(other + "/a"); err != nil {
		t.Error(err)
	}
}

// What the sentry's overlay needs of an upper layer is less, and not on an overlay.
func TestProbeUpper(t *testing.T) {
	for kind, want := range map[filesystems.Kind]string{
		filesystems.Ext4:    "",
		filesystems.Tmpfs:   "",
		filesystems.FUSE:    "",
		filesystems.Ramfs:   "the extended attribute user.overlay.opaque",
		filesystems.Overlay: "character devices 0:0 (mknod(2)), for removing files",
	} {
		t.Run(string(kind), func(t *testing.T) {
			dir := mkdir(t, filesystems.New(t, kind, filesystems.Options{}), "upper")
			fd, err := unix.Open(dir, unix.O_PATH|unix.O_CLOEXEC, 0)
			if err != nil {
				t.Fatal(err)
			}
			defer unix.Close(fd)
			err = overlayfs.ProbeUpper(fd)
			var u *overlayfs.Unsupported
			if errors.As(err, &u) != (want != "") || u != nil && u.What != want || u == nil && err != nil {
				t.Errorf("%v, want %q", err, want)
			}
			if left, err := os.ReadDir(dir); err != nil || len(left) > 0 {
				t.Errorf("left behind: %v, %v", left, err)
			}
		})
	}
}
