package e2e

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/directfs/runsc/runsc/harness"
	"github.com/directfs/runsc/runsc/internal/verify"
	specs "github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"
)

// hostDevices gives a container devices for which the engine makes a connection
// for host devices, and which are /dev/null: a name that makes it think of
// accelerators but is none of one, and the directory of VFIO, which it mounts.
// The test fails where there are real ones. With a sysfs of its own the
// container would need the accelerator's.
func hostDevices(t *testing.T) harness.Option {
	t.Helper()
	var list []specs.LinuxDevice
	for _, path := range []string{"/dev/accelerator-of-test", "/dev/vfio/vfio"} {
		makeNull(t, path)
		list = append(list, specs.LinuxDevice{Path: path, Type: "c", Major: 1, Minor: 3})
	}
	return func(b *harness.Bundle) error {
		b.Spec.Linux.Devices = append(b.Spec.Linux.Devices, list...)
		return harness.RawMount(specs.Mount{Destination: "/sys", Type: "tmpfs", Source: "tmpfs"})(b)
	}
}

// makeNull makes a device that is /dev/null, and its directory, for the time of
// the test. One that is there is what a killed run of the test left, or else the
// machine's own, with which the test fails.
func makeNull(t *testing.T, path string) {
	t.Helper()
	null := unix.Mkdev(1, 3)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	var there unix.Stat_t
	err := unix.Mknod(path, unix.S_IFCHR|0o600, int(null))
	if err == unix.EEXIST && unix.Lstat(path, &there) == nil && there.Mode&unix.S_IFMT == unix.S_IFCHR && there.Rdev == null {
		err = nil
	}
	if err != nil {
		t.Fatalf("mknod %s: %v", path, err)
	}
	t.Cleanup(func() {
		if err := os.Remove(path); err != nil {
			t.Error(err)
		}
		if dir := filepath.Dir(path); dir != "/dev" {
			if err := os.Remove(dir); err != nil && !errors.Is(err, unix.ENOTEMPTY) {
				t.Error(err)
			}
		}
	})
}

func rowOf(t *testing.T, r verify.Report, item string) verify.Row {
	t.Helper()
	i := slices.IndexFunc(r.Rows, func(row verify.Row) bool { return row.Item == item })
	if i < 0 {
		t.Fatalf("no row %q in %+v", item, r.Rows)
	}
	return r.Rows[i]
}

// The directory of host devices is donated where there is no mount with LisaFS.
// It is no stranger then, and nothing else may be without nodev.
func TestVerifyHostDevices(t *testing.T) {
	devices := hostDevices(t)
	for _, c := range []struct {
		how, held string
		number    int // of /a in the gofer's root
	}{{"on", "/ /a host devices", -1}, {"off", "/", 1}} {
		lab := harness.NewLab(t)
		container := lab.Serve(t, lab.Bundle(t, devices, harness.Mount("/a", "rw", "directfs="+c.how), harness.Args("serve")))
		readReport(t, container)
		report := checkVerified(t, lab.Runtime, container.ID)
		if row := rowOf(t, report, "donated roots held"); row.Actual != c.held {
			t.Errorf("%+v, want %s", row, c.held)
		}
		if row := rowOf(t, report, "host devices attributes"); strings.Contains(row.Planned, "nodev") {
			t.Errorf("%+v", row)
		}
		if row := rowOf(t, report, "host devices"); row.Actual != "/dev/vfio/vfio" {
			t.Errorf("%+v", row)
		}
		undo := setAttributes(t, container, container.Bundle.Source("/a"), c.number,
			unix.MountAttr{Attr_clr: unix.MOUNT_ATTR_NODEV}, unix.MountAttr{Attr_set: unix.MOUNT_ATTR_NODEV})
		checkOnly(t, lab.Runtime, container.ID, "/a attributes")
		undo()
		checkVerified(t, lab.Runtime, container.ID)
		stop(t, lab, container)
	}
}
