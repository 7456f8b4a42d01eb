package gofer

import (
	"errors"
	"fmt"
	"os"

	"github.com/directfs/runsc/pkg/ociconfig"
	"github.com/directfs/runsc/runsc/internal/engine"
	specs "github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"
	"gvisor.dev/gvisor/pkg/urpc"
	"gvisor.dev/gvisor/runsc/container"
	"gvisor.dev/gvisor/runsc/specutils"
)

// opener opens a mount's source where this process may not, and makes the
// copies of ID-mapped mounts.
type opener func(m *specs.Mount, flags uint32) (*os.File, error)

// byClient asks the client, who is outside the gofer's user namespace
// (runsc/container/gofer_to_host_rpc.go:196).
func byClient(rpc *urpc.Client) opener {
	return func(m *specs.Mount, flags uint32) (*os.File, error) {
		var res container.OpenMountResult
		if err := rpc.Call("goferToHostRPC.OpenMount", &container.OpenMountArgs{Mount: m, Flags: flags}, &res); err != nil {
			return nil, fmt.Errorf("opening %s: %w", m.Source, err)
		}
		if len(res.Files) != 1 {
			return nil, fmt.Errorf("opening %s: got %d files, want 1", m.Source, len(res.Files))
		}
		return res.Files[0], nil
	}
}

// takeTrees copies every mount from its source, open_tree(2). From here on a
// mount is the FD of its copy: no path leads to it, so that nobody who renames
// directories or plants links can put another in its place. The copies must be
// taken before anything is mounted for the container, and after the process's
// mounts stopped to be peers of the host's.
func takeTrees(conns []connection, open opener) error {
	for i := range conns {
		c := &conns[i]
		if c.device || c.tree >= 0 {
			continue // made later, by the engine, or a volume's
		}
		if c.volume != nil {
			if err := c.takeStandIn(); err != nil {
				return c.inVolume(err)
			}
			continue
		}
		if err := c.takeTree(open); err != nil {
			return fmt.Errorf("mount %q: %w", c.path, err)
		}
		if err := c.checkSource(); err != nil {
			return fmt.Errorf("mount %q: %w", c.path, err)
		}
	}
	return nil
}

func (c *connection) takeTree(open opener) error {
	m := specs.Mount{Source: c.source, Destination: c.path, Options: []string{"rbind"}}
	if c.mount != nil {
		m = *c.mount
	}
	flags := specutils.OptionsToFlags(m.Options) | unix.MS_BIND
	how := uint(unix.OPEN_TREE_CLONE | unix.OPEN_TREE_CLOEXEC)
	if flags&unix.MS_REC != 0 {
		how |= unix.AT_RECURSIVE
	}
	if specutils.IsIDMappedMount(m) {
		file, err := open(&m, flags)
		if err != nil {
			return err
		}
		defer file.Close()
		c.tree, err = unix.FcntlInt(file.Fd(), unix.F_DUPFD_CLOEXEC, 0)
		return wrap("keeping the copy", err)
	}
	fd, err := unix.OpenTree(unix.AT_FDCWD, c.source, how)
	if errors.Is(err, unix.EACCES) || errors.Is(err, unix.EPERM) {
		var file *os.File
		if file, err = open(&m, flags); err != nil {
			return err
		}
		defer file.Close()
		fd, err = unix.OpenTree(int(file.Fd()), "", how|unix.AT_EMPTY_PATH)
	}
	if errors.Is(err, unix.EINVAL) && flags&unix.MS_REC == 0 {
		return fmt.Errorf("copying %q: %w (in a user namespace, a directory with mounts in it can only be bound together with them: write rbind)", c.source, err)
	}
	c.tree = fd
	return wrap(fmt.Sprintf("copying %q", c.source), needsKernel(err, "5.2"))
}

// checkSource fails where the copy is not of the file that the decision was
// made for.
func (c *connection) checkSource() error {
	var st unix.Stat_t
	if err := unix.Fstat(c.tree, &st); err != nil {
		return fmt.Errorf("looking at the copy of %q: %w", c.source, err)
	}
	c.directory = st.Mode&unix.S_IFMT == unix.S_IFDIR
	return engine.CheckSource(c.decision, st.Dev, st.Ino)
}

// restrict gives all mounts of the copies their attributes: those of the
// connection, and no more of the host's mount events than it asks for.
func restrict(conns []connection) error {
	for i := range conns {
		c := &conns[i]
		attr := unix.MountAttr{Attr_set: c.Flags(), Propagation: c.Propagation()}
		if err := unix.MountSetattr(c.tree, "", unix.AT_EMPTY_PATH|unix.AT_RECURSIVE, &attr); err != nil {
			return fmt.Errorf("restricting mount %q: %w", c.path, needsKernel(err, "5.12"))
		}
		if err := c.keepTimes(); err != nil {
			return fmt.Errorf("restricting mount %q: %w", c.path, err)
		}
	}
	return nil
}

// keepTimes gives the mount's root the mode of access times that its options
// ask for. In a user namespace the host's mode may be locked
// (mount_namespaces(7)); it stays then, as it does for mount(8) there.
func (c *connection) keepTimes() error {
	if c.mount == nil {
		return nil
	}
	attr := unix.MountAttr{Attr_clr: unix.MOUNT_ATTR__ATIME}
	asked := specutils.OptionsToFlags(ociconfig.StripOptions(c.mount.Options))
	switch {
	case asked&unix.MS_NOATIME != 0:
		attr.Attr_set = unix.MOUNT_ATTR_NOATIME
	case asked&unix.MS_STRICTATIME != 0:
		attr.Attr_set = unix.MOUNT_ATTR_STRICTATIME
	case asked&unix.MS_RELATIME != 0:
		attr.Attr_set = unix.MOUNT_ATTR_RELATIME
	case asked&unix.MS_NODIRATIME != 0:
		attr.Attr_clr = 0
	default:
		return nil
	}
	if asked&unix.MS_NODIRATIME != 0 {
		attr.Attr_set |= unix.MOUNT_ATTR_NODIRATIME
	}
	if err := unix.MountSetattr(c.tree, "", unix.AT_EMPTY_PATH, &attr); err != nil && !errors.Is(err, unix.EPERM) {
		return fmt.Errorf("setting the mode of access times: %w", err)
	}
	return nil
}

func needsKernel(err error, version string) error {
	if errors.Is(err, unix.ENOSYS) {
		return fmt.Errorf("%w (isolating mounts needs Linux %s or newer)", err, version)
	}
	return err
}
