package isolation

import (
	"testing"

	specs "github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"
)

func TestFlags(t *testing.T) {
	const always = unix.MOUNT_ATTR_NOSUID
	of := func(options ...string) Attributes { return OfMount(specs.Mount{Options: options}, false) }
	for name, tt := range map[string]struct {
		a    Attributes
		want uint64
	}{
		"writable":               {of("rw"), always | unix.MOUNT_ATTR_NODEV},
		"read-only":              {of("ro"), always | unix.MOUNT_ATTR_NODEV | unix.MOUNT_ATTR_RDONLY},
		"below an overlay":       {OfMount(specs.Mount{}, true), always | unix.MOUNT_ATTR_NODEV | unix.MOUNT_ATTR_RDONLY},
		"devices let through":    {Attributes{Devices: true}, always},
		"noexec asked for":       {of("rbind", "noexec"), always | unix.MOUNT_ATTR_NODEV | unix.MOUNT_ATTR_NOEXEC},
		"noexec not asked for":   {of("rbind", "exec"), always | unix.MOUNT_ATTR_NODEV},
		"not by the mount's own": {of("dev", "suid"), always | unix.MOUNT_ATTR_NODEV},
		"rootfs":                 {OfRootfs(&specs.Spec{Root: &specs.Root{}}, false), always | unix.MOUNT_ATTR_NODEV},
		"read-only rootfs":       {OfRootfs(&specs.Spec{Root: &specs.Root{Readonly: true}}, false), always | unix.MOUNT_ATTR_NODEV | unix.MOUNT_ATTR_RDONLY},
		"rootfs under overlay":   {OfRootfs(&specs.Spec{Root: &specs.Root{}}, true), always | unix.MOUNT_ATTR_NODEV | unix.MOUNT_ATTR_RDONLY},
	} {
		if got := tt.a.Flags(); got != tt.want {
			t.Errorf("%s: %#x, want %#x", name, got, tt.want)
		}
	}
}

func TestPropagation(t *testing.T) {
	for option, want := range map[string]uint64{"slave": unix.MS_SLAVE, "rslave": unix.MS_SLAVE, "shared": unix.MS_PRIVATE, "rprivate": unix.MS_PRIVATE, "": unix.MS_PRIVATE} {
		rootfs := OfRootfs(&specs.Spec{Root: &specs.Root{}, Linux: &specs.Linux{RootfsPropagation: option}}, false)
		if got := OfMount(specs.Mount{Options: []string{option}}, false).Propagation(); got != want || rootfs.Propagation() != want {
			t.Errorf("%q: %#x, of the rootfs %#x, want %#x", option, got, rootfs.Propagation(), want)
		}
	}
}
