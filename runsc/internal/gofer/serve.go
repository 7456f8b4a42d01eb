package gofer

import (
	"fmt"

	"github.com/directfs/runsc/runsc/internal/engine"
	specs "github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"
	"gvisor.dev/gvisor/pkg/lisafs"
	"gvisor.dev/gvisor/pkg/log"
	"gvisor.dev/gvisor/runsc/cmd/sandboxsetup"
	"gvisor.dev/gvisor/runsc/config"
	"gvisor.dev/gvisor/runsc/fsgofer"
	"gvisor.dev/gvisor/runsc/fsgofer/extension"
)

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
	wait := serveVolumes(conns)
	for _, c := range conns {
		if c.servedByVolume() {
			log.Infof("Serving %q by %v: ro=%t", c.path, c.decision.Gofer, c.ReadOnly)
			continue
		}
		impl, opts, err := c.implementation(spec, base)
		if err != nil {
			return err
		}
		log.Infof("Serving %q on FD %d: access=%v donate=%t ro=%t reason=%v", c.path, c.fd, c.decision.Access, c.donate, c.ReadOnly, c.decision.WhyAccess)
		conn, err := server.CreateConnection(sandboxsetup.NewSocket(c.fd), c.served, opts, impl)
		if err != nil {
			return fmt.Errorf("serving %q: %w", c.path, err)
		}
		server.StartConnection(conn)
	}
	server.Wait()
	wait()
	server.Destroy()
	log.Infof("All connections are closed.")
	return nil
}

// implementation is an extension's if one claims the mount, or else the stock
// file server with the connection's own donation.
func (c connection) implementation(spec *specs.Spec, base fsgofer.Config) (lisafs.ConnectionImpl, lisafs.ConnectionOpts, error) {
	if !c.device {
		for _, e := range extension.Registered() {
			impl, opts, err := e.TryHandleMount(spec, c.mount, c.path, c.ReadOnly)
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
	return fsgofer.NewConnectionImpl(&conf), fsgofer.ConnectionOpts(c.ReadOnly), nil
}
