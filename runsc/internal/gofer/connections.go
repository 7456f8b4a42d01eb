package gofer

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/directfs/runsc/directfspolicy"
	"github.com/directfs/runsc/runsc/internal/engine"
	specs "github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"
	"gvisor.dev/gvisor/pkg/lisafs"
	"gvisor.dev/gvisor/pkg/log"
	"gvisor.dev/gvisor/runsc/cmd/sandboxsetup"
	"gvisor.dev/gvisor/runsc/config"
	"gvisor.dev/gvisor/runsc/fsgofer"
	"gvisor.dev/gvisor/runsc/fsgofer/extension"
	"gvisor.dev/gvisor/runsc/specutils"
)

// servedMounts is the spec's mount list after symbolic links in destinations
// were resolved, with the decision for each.
type servedMounts struct {
	list      []specs.Mount
	decisions []directfspolicy.Decision
}

// resolveMounts replaces the spec's mounts by what is really mounted, and
// finds the decision for each under the destination that the spec gave.
func (g *Command) resolveMounts(conf *config.Config, spec *specs.Spec, plan directfspolicy.Plan) (servedMounts, error) {
	decisions, err := engine.MountDecisions(spec.Mounts, g.mountConfs, plan)
	if err != nil {
		return servedMounts{}, err
	}
	clean, err := sandboxsetup.ResolveMounts(conf, spec.Mounts, mountRoot(conf, spec), g.mountConfs)
	if err != nil {
		return servedMounts{}, fmt.Errorf("resolving mounts: %w", err)
	}
	spec.Mounts = clean
	return servedMounts{clean, decisions}, nil
}

// sendMounts tells the sandbox what is mounted and how. A sandbox's first
// container sends to our own boot, a joining one to the engine's client.
func (g *Command) sendMounts(m servedMounts, plan directfspolicy.Plan) error {
	var message []byte
	var err error
	if plan.Scope() == directfspolicy.PodMember {
		message, err = engine.JoiningMessage(m.list, m.decisions, plan)
	} else {
		message, err = engine.FirstMessage(m.list, m.decisions, plan)
	}
	if err != nil {
		return fmt.Errorf("lowering mounts: %w", err)
	}
	// A list that does not fit in the pipe would block until the sandbox
	// process reads it, and there is no need to wait for that.
	go func() {
		file := os.NewFile(uintptr(g.mountsFD), "mounts file")
		defer file.Close()
		if _, err := file.Write(message); err != nil {
			log.Warningf("Sending mounts: %v", err)
			os.Exit(1)
		}
	}()
	return nil
}

// connection is one mount that this gofer serves.
type connection struct {
	fd       int
	path     string // the destination, symbolic links resolved
	served   string // where it is served from, in the gofer's root
	readOnly bool
	donate   bool
	decision directfspolicy.Decision

	// mount is nil for the rootfs and for the device directory.
	mount *specs.Mount

	// device marks the connection that opens host devices for the sentry's
	// device proxies. A container mount at /dev is not one.
	device bool
}

// connections pairs the donated sockets with the mounts, in the order that the
// client promises.
func (g *Command) connections(spec *specs.Spec, m servedMounts, plan directfspolicy.Plan) ([]connection, error) {
	fds := g.ioFDs.GetArray()
	var conns []connection
	add := func(c connection) error {
		if len(fds) == 0 {
			return fmt.Errorf("no FD for mount %q: got %d", c.path, len(g.ioFDs))
		}
		c.fd, fds = fds[0], fds[1:]
		c.donate = c.decision.Access == directfspolicy.DirectFS
		c.served = c.path
		conns = append(conns, c)
		return nil
	}
	if conf := g.mountConfs[0]; conf.ShouldUseLisafs() {
		d, ok := plan.Decision("/")
		if !ok {
			return nil, errors.New("the rootfs is not in the plan")
		}
		if err := add(connection{path: "/", decision: d, readOnly: spec.Root.Readonly || conf.ShouldUseOverlayfs()}); err != nil {
			return nil, err
		}
	}
	next := 1 // mountConfs[0] is the rootfs
	for i := range m.list {
		sm := &m.list[i]
		if !specutils.HasMountConfig(*sm) {
			continue
		}
		conf := g.mountConfs[next]
		next++
		if !conf.ShouldUseLisafs() {
			continue
		}
		if !filepath.IsAbs(sm.Destination) {
			return nil, fmt.Errorf("mount destination %q is not absolute", sm.Destination)
		}
		readOnly := specutils.IsReadonlyMount(sm.Options) || conf.ShouldUseOverlayfs()
		if err := add(connection{path: sm.Destination, decision: m.decisions[i], readOnly: readOnly, mount: sm}); err != nil {
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
		conns = append(conns, connection{fd: g.devIOFD, path: "/dev", served: "/dev", device: true, donate: plan.DonatesDevices()})
	}
	return conns, nil
}

// fileServer is the stock file server's configuration, but for donation. It
// must be made before the filter is installed, which has no call to ask for
// IDs.
func fileServer(conf *config.Config) fsgofer.Config {
	return fsgofer.Config{
		HostUDS:          conf.GetHostUDS(),
		HostFifo:         conf.HostFifo,
		CharDevicePolicy: conf.CharacterDevicePolicy,
		RUID:             unix.Getuid(), EUID: unix.Geteuid(),
		RGID: unix.Getgid(), EGID: unix.Getegid(),
	}
}

// serveConnections serves until the last connection is closed.
func serveConnections(base fsgofer.Config, spec *specs.Spec, conns []connection) error {
	server := lisafs.NewServer()
	for _, c := range conns {
		impl, opts, err := c.implementation(spec, base)
		if err != nil {
			return err
		}
		log.Infof("Serving %q on FD %d: access=%v donate=%t ro=%t reason=%v", c.path, c.fd, c.decision.Access, c.donate, c.readOnly, c.decision.WhyAccess)
		conn, err := server.CreateConnection(sandboxsetup.NewSocket(c.fd), c.served, opts, impl)
		if err != nil {
			return fmt.Errorf("serving %q: %w", c.path, err)
		}
		server.StartConnection(conn)
	}
	server.Wait()
	server.Destroy()
	log.Infof("All connections are closed.")
	return nil
}

// implementation is an extension's if one claims the mount, or else the stock
// file server with the connection's own donation.
func (c connection) implementation(spec *specs.Spec, base fsgofer.Config) (lisafs.ConnectionImpl, lisafs.ConnectionOpts, error) {
	if !c.device {
		for _, e := range extension.Registered() {
			impl, opts, err := e.TryHandleMount(spec, c.mount, c.path, c.readOnly)
			if err != nil {
				return nil, opts, fmt.Errorf("extension %s for %q: %w", e.Name(), c.path, err)
			}
			if impl == nil {
				continue
			}
			if _, ok := e.(engine.Describer); !ok && c.donate {
				return nil, opts, fmt.Errorf("extension %s serves %q, which was planned for the stock gofer; let it implement engine.Describer, or set the mount's directfs hint to off", e.Name(), c.path)
			}
			return impl, opts, nil
		}
	}
	conf := base
	conf.DonateMountPointFD = c.donate
	if c.device {
		// --character-device-policy is about devices that the container could
		// open through a mount, not about this connection.
		conf.CharDevicePolicy = config.CharDevPassthrough
	}
	return fsgofer.NewConnectionImpl(&conf), fsgofer.ConnectionOpts(c.readOnly), nil
}
