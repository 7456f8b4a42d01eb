package gofer

import (
	"fmt"

	"github.com/directfs/runsc/directfspolicy"
	"github.com/directfs/runsc/runsc/internal/engine"
	"github.com/directfs/runsc/runsc/internal/isolation"
	specs "github.com/opencontainers/runtime-spec/specs-go"
	"gvisor.dev/gvisor/runsc/config"
)

// connection is one mount that this gofer serves.
type connection struct {
	fd       int    // the socket
	source   string // a path of the host
	path     string // the destination; symbolic links are resolved by layout
	served   string // where it is served from, in the gofer's root
	donate   bool
	decision directfspolicy.Decision

	// mount is the spec's, at index in its list; nil for the rootfs and for the
	// device directory.
	mount *specs.Mount
	index int

	// device marks the connection that opens host devices for the sentry's
	// device proxies. A container mount at /dev is not one.
	device bool

	isolation.Attributes

	// tree is an FD of the detached copy of the mount, or -1.
	tree int

	// directory says what kind of file the mount's root is.
	directory bool

	// volume takes the place of the source, or is nil.
	volume *served
}

// connections pairs the donated sockets with the mounts, in the order that the
// client promises: the rootfs, the mounts of the spec, host devices.
func (g *Command) connections(conf *config.Config, spec *specs.Spec, pairs []engine.Pair, plan directfspolicy.Plan) ([]connection, error) {
	fds := g.ioFDs.GetArray()
	devices := conf.CharacterDevicePolicy.AllowsPassthrough()
	var conns []connection
	add := func(c connection, p engine.Pair) error {
		if len(fds) == 0 {
			return fmt.Errorf("no FD for mount %q: got %d", c.path, len(g.ioFDs))
		}
		c.fd, fds = fds[0], fds[1:]
		c.decision, c.donate, c.tree, c.Devices = p.Decision, p.Decision.Access == directfspolicy.DirectFS, -1, devices
		conns = append(conns, c)
		return nil
	}
	rootfs, err := engine.PairRootfs(g.mountConfs, plan)
	if err != nil {
		return nil, err
	}
	if rootfs.Served {
		a, err := isolation.OfRootfs(spec, rootfs.Overlay)
		if err != nil {
			return nil, fmt.Errorf("rootfs: %w", err)
		}
		if err := add(connection{source: spec.Root.Path, path: "/", Attributes: a}, rootfs); err != nil {
			return nil, err
		}
	}
	for i, p := range pairs {
		if !p.Served {
			continue
		}
		m := &spec.Mounts[i]
		a, err := isolation.OfMount(*m, p.Overlay)
		if err != nil {
			return nil, fmt.Errorf("mount %q: %w", m.Destination, err)
		}
		c := connection{source: m.Source, path: m.Destination, mount: m, index: i, Attributes: a}
		if err := add(c, p); err != nil {
			return nil, err
		}
	}
	if len(fds) > 0 {
		return nil, fmt.Errorf("%d FDs for %d mounts", len(g.ioFDs), len(conns))
	}
	if (g.devIOFD >= 0) != plan.Container().HostDevices {
		return nil, fmt.Errorf("connection for host devices: %t, the plan has it: %t; delete the container and create it again", g.devIOFD >= 0, plan.Container().HostDevices)
	}
	if g.devIOFD >= 0 {
		conns = append(conns, connection{fd: g.devIOFD, path: "/dev", device: true, donate: plan.DonatesDevices(), Attributes: isolation.Attributes{Devices: true}, tree: -1})
	}
	return conns, nil
}

func (c *connection) isRootfs() bool { return c.mount == nil && !c.device }
