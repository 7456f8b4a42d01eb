package isolation

import (
	"strings"
	"testing"

	specs "github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"
)

func TestFlags(t *testing.T) {
	const always = unix.MOUNT_ATTR_NOSUID
	mount := func(overlay bool, options ...string) Attributes {
		a, err := OfMount(specs.Mount{Options: options}, overlay)
		if err != nil {
			t.Error(err)
		}
		return a
	}
	rootfs := func(overlay, readOnly bool) Attributes {
		a, err := OfRootfs(&specs.Spec{Root: &specs.Root{Readonly: readOnly}}, overlay)
		if err != nil {
			t.Error(err)
		}
		return a
	}
	for name, tt := range map[string]struct {
		a    Attributes
		want uint64
	}{
		"writable":               {mount(false, "rw"), always | unix.MOUNT_ATTR_NODEV},
		"read-only":              {mount(false, "ro"), always | unix.MOUNT_ATTR_NODEV | unix.MOUNT_ATTR_RDONLY},
		"below an overlay":       {mount(true), always | unix.MOUNT_ATTR_NODEV | unix.MOUNT_ATTR_RDONLY},
		"devices let through":    {Attributes{Devices: true}, always},
		"noexec asked for":       {mount(false, "rbind", "noexec"), always | unix.MOUNT_ATTR_NODEV | unix.MOUNT_ATTR_NOEXEC},
		"noexec not asked for":   {mount(false, "rbind", "exec"), always | unix.MOUNT_ATTR_NODEV},
		"not by the mount's own": {mount(false, "dev", "suid"), always | unix.MOUNT_ATTR_NODEV},
		"rootfs":                 {rootfs(false, false), always | unix.MOUNT_ATTR_NODEV},
		"read-only rootfs":       {rootfs(false, true), always | unix.MOUNT_ATTR_NODEV | unix.MOUNT_ATTR_RDONLY},
		"rootfs under overlay":   {rootfs(true, false), always | unix.MOUNT_ATTR_NODEV | unix.MOUNT_ATTR_RDONLY},
	} {
		if got := tt.a.Flags(); got != tt.want {
			t.Errorf("%s: %#x, want %#x", name, got, tt.want)
		}
	}
}

func TestPropagation(t *testing.T) {
	for option, want := range map[string]uint64{"slave": unix.MS_SLAVE, "rslave": unix.MS_SLAVE, "shared": unix.MS_PRIVATE, "rprivate": unix.MS_PRIVATE, "": unix.MS_PRIVATE} {
		rootfs, err := OfRootfs(&specs.Spec{Root: &specs.Root{}, Linux: &specs.Linux{RootfsPropagation: option}}, false)
		mount, err2 := OfMount(specs.Mount{Options: []string{option}}, false)
		if rootfs.Propagation() != want || mount.Propagation() != want || err != nil || err2 != nil {
			t.Errorf("%q: of the rootfs %#x, %v, of a mount %#x, %v, want %#x", option, rootfs.Propagation(), err, mount.Propagation(), err2, want)
		}
	}
}

// Two kinds of propagation cannot both be had, mount(2) refuses them too.
func TestKindsOfPropagation(t *testing.T) {
	for options, want := range map[string]bool{"": false, "rbind": false, "slave": true, "rbind,rslave": true, "rprivate": false, "private,rprivate": false, "slave,rslave": true} {
		if a, err := OfMount(specs.Mount{Options: strings.Split(options, ",")}, false); a.Follows != want || err != nil {
			t.Errorf("%s: %v, %v", options, a.Follows, err)
		}
	}
	for _, options := range []string{"rslave,rprivate", "private,slave", "slave,unbindable", "rprivate,runbindable"} {
		if a, err := OfMount(specs.Mount{Options: strings.Split(options, ",")}, false); err == nil {
			t.Errorf("%s: accepted, %+v", options, a)
		}
	}
}
