// Package isolation says how the mounts that a gofer serves are kept apart: what
// they carry, and where they are. The gofer makes them so, and "policy verify"
// looks whether they are.
package isolation

import (
	"fmt"
	"math/bits"

	"github.com/directfs/runsc/pkg/ociconfig"
	specs "github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"
	"gvisor.dev/gvisor/runsc/specutils"
)

// LinksName is the directory of magic links in a gofer's root, by which it gets
// to the directories that it donates, and ReportName is the report of a first
// process. Everything else there is a mount under the number of its connection.
const (
	LinksName  = "f"
	ReportName = "r"
)

// ServedName is the directory that becomes a gofer's root when it has dropped its
// privileges, and is in its root until then. The container can be created before.
const ServedName = "serve"

// CopyName is where the copy of a donated directory is in its wrapper.
const CopyName = "d"

// Attributes are what all mounts of a served copy carry.
type Attributes struct {
	// ReadOnly is set where nothing may be written.
	ReadOnly bool

	// Devices is set where device nodes among the files may be opened.
	Devices bool

	// Follows is set where what the host mounts in the source later is to
	// arrive in the copy.
	Follows bool

	// More are further flags that the mount's options ask for, as in
	// mount_setattr(2).
	More uint64
}

// OfRootfs are the attributes of the rootfs. overlay says whether an overlay
// takes all writes.
func OfRootfs(spec *specs.Spec, overlay bool) (Attributes, error) {
	a := Attributes{ReadOnly: overlay || spec.Root.Readonly}
	if spec.Linux == nil {
		return a, nil
	}
	var err error
	a.Follows, err = followsHost([]string{spec.Linux.RootfsPropagation})
	return a, err
}

// OfMount are the attributes of a mount of the spec.
//
// The sentry and the gofer run no program. MOUNT_ATTR_NOEXEC must not be
// everywhere all the same: a guest's program is mapped from the FD of its file
// (pkg/sentry/platform/systrap/subprocess.go, MapFile), which the kernel
// refuses on such a mount.
func OfMount(m specs.Mount, overlay bool) (Attributes, error) {
	options := ociconfig.StripOptions(m.Options)
	follows, err := followsHost(options)
	a := Attributes{ReadOnly: overlay || specutils.IsReadonlyMount(options), Follows: follows}
	if specutils.OptionsToFlags(options)&unix.MS_NOEXEC != 0 {
		a.More = unix.MOUNT_ATTR_NOEXEC
	}
	return a, err
}

// Flags are the attributes for mount_setattr(2). The sentry and the gofer open
// no device by way of a mount, but for those that the device policy lets
// through.
func (a Attributes) Flags() uint64 {
	flags := uint64(unix.MOUNT_ATTR_NOSUID) | a.More
	if !a.Devices {
		flags |= unix.MOUNT_ATTR_NODEV
	}
	if a.ReadOnly {
		flags |= unix.MOUNT_ATTR_RDONLY
	}
	return flags
}

// Propagation is the type of propagation for mount_setattr(2).
func (a Attributes) Propagation() uint64 {
	if a.Follows {
		return unix.MS_SLAVE
	}
	return unix.MS_PRIVATE
}

// followsHost says whether the options ask for the host's later mounts
// (mount_namespaces(7)). Those of two kinds are refused, as by mount(2).
func followsHost(options []string) (bool, error) {
	kind := specutils.PropOptionsToFlags(options) &^ unix.MS_REC
	if bits.OnesCount32(kind) > 1 {
		return false, fmt.Errorf("options %q ask for more than one kind of propagation; give one of slave, rslave, private, rprivate, unbindable, runbindable", options)
	}
	return kind == unix.MS_SLAVE, nil
}
