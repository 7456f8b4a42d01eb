package gofer

import (
	"fmt"
	"math/bits"

	"github.com/directfs/runsc/directfspolicy"
	"github.com/directfs/runsc/runsc/internal/engine"
	specs "github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"
	"gvisor.dev/gvisor/runsc/config"
	"gvisor.dev/gvisor/runsc/specutils"
)

// connection is one mount that this gofer serves.
type connection struct {
	fd       int    // the socket
	source   string // a path of the host
	path     string // the destination; symbolic links are resolved by layout
	served   string // where it is served from, in the gofer's root
	readOnly bool
	donate   bool
	decision directfspolicy.Decision

	// mount is the spec's, at index in its list; nil for the rootfs and for the
	// device directory.
	mount *specs.Mount
	index int

	// device marks the connection that opens host devices for the sentry's
	// device proxies. A container mount at /dev is not one.
	device bool

	// follows is set where what the host mounts in the source later is to
	// arrive here.
	follows bool

	// passDevices is set where device nodes among the files may be opened.
	passDevices bool

	// tree is an FD of the detached copy of the mount, or -1.
	tree int

	// directory says what kind of file the mount's root is.
	directory bool
}

// connections pairs the donated sockets with the mounts, in the order that the
// client promises: the rootfs, the mounts of the spec, host devices.
func (g *Command) connections(conf *config.Config, spec *specs.Spec, pairs []engine.Pair, plan directfspolicy.Plan) ([]connection, error) {
	fds := g.ioFDs.GetArray()
	passDevices := conf.CharacterDevicePolicy.AllowsPassthrough()
	var conns []connection
	add := func(c connection, p engine.Pair) error {
		if len(fds) == 0 {
			return fmt.Errorf("no FD for mount %q: got %d", c.path, len(g.ioFDs))
		}
		c.fd, fds = fds[0], fds[1:]
		c.decision, c.donate, c.tree, c.passDevices = p.Decision, p.Decision.Access == directfspolicy.DirectFS, -1, passDevices
		c.readOnly = c.readOnly || p.Overlay
		conns = append(conns, c)
		return nil
	}
	rootfs, err := engine.PairRootfs(g.mountConfs, plan)
	if err != nil {
		return nil, err
	}
	if rootfs.Served {
		follows, err := followsHost(rootfsPropagation(spec))
		if err != nil {
			return nil, fmt.Errorf("rootfs: %w", err)
		}
		if err := add(connection{source: spec.Root.Path, path: "/", readOnly: spec.Root.Readonly, follows: follows}, rootfs); err != nil {
			return nil, err
		}
	}
	for i, p := range pairs {
		if !p.Served {
			continue
		}
		m := &spec.Mounts[i]
		follows, err := followsHost(m.Options)
		if err != nil {
			return nil, fmt.Errorf("mount %q: %w", m.Destination, err)
		}
		c := connection{source: m.Source, path: m.Destination, mount: m, index: i, readOnly: specutils.IsReadonlyMount(m.Options), follows: follows}
		if err := add(c, p); err != nil {
			return nil, err
		}
	}
	if len(fds) > 0 {
		return nil, fmt.Errorf("%d FDs for %d mounts", len(g.ioFDs), len(conns))
	}
	if (g.devIOFD >= 0) != plan.HostDevices() {
		return nil, fmt.Errorf("connection for host devices: %t, the plan has it: %t; delete the container and create it again", g.devIOFD >= 0, plan.HostDevices())
	}
	if g.devIOFD >= 0 {
		conns = append(conns, connection{fd: g.devIOFD, path: "/dev", device: true, donate: plan.DonatesDevices(), passDevices: true, tree: -1})
	}
	return conns, nil
}

func (c *connection) isRootfs() bool { return c.mount == nil && !c.device }

func rootfsPropagation(spec *specs.Spec) []string {
	if spec.Linux == nil {
		return nil
	}
	return []string{spec.Linux.RootfsPropagation}
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

// flags are the attributes that the mount has in its copy, mount_setattr(2).
//
// The sentry and the gofer open no device by way of a mount, but for those that
// the device policy lets through, and run no program. MOUNT_ATTR_NOEXEC must
// not be among them all the same: a guest's program is mapped from the FD of
// its file (pkg/sentry/platform/systrap/subprocess.go, MapFile), which the
// kernel refuses on such a mount.
func (c *connection) flags() uint64 {
	flags := uint64(unix.MOUNT_ATTR_NOSUID)
	if !c.passDevices {
		flags |= unix.MOUNT_ATTR_NODEV
	}
	if c.readOnly {
		flags |= unix.MOUNT_ATTR_RDONLY
	}
	if c.mount != nil && specutils.OptionsToFlags(c.mount.Options)&unix.MS_NOEXEC != 0 {
		flags |= unix.MOUNT_ATTR_NOEXEC
	}
	return flags
}
