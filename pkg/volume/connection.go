package volume

import (
	"gvisor.dev/gvisor/pkg/abi/linux"
	"gvisor.dev/gvisor/pkg/lisafs"
)

// connection is a client's view of a mount.
type connection struct{ mount *Mount }

var _ lisafs.ConnectionImpl = (*connection)(nil)

// connectionOpts says what is possible with a file that was deleted: everything,
// because files are found by ID and never by the path that it had. For the same
// reason a walk needs no locks on the way.
func (m *Mount) connectionOpts() lisafs.ConnectionOpts {
	return lisafs.ConnectionOpts{
		Readonly:          m.options.ReadOnly,
		WalkStatSupported: true,
		SetAttrOnDeleted:  true,
		AllocateOnDeleted: true,
		OpenOnDeleted:     true,
	}
}

// Mount implements lisafs.ConnectionImpl. The root directory is never donated:
// the runtime does that itself where the mount is directfs. The root has the node
// that it has if a name leads back to it, and not the engine's.
func (c *connection) Mount(conn *lisafs.Connection, _ *lisafs.Node) (*lisafs.ControlFD, lisafs.Statx, int, error) {
	m := c.mount
	root := m.nodes.root
	s, err := m.stat(root)
	if err != nil {
		return nil, s, -1, err
	}
	if err := m.takeFile(); err != nil {
		return nil, s, -1, err
	}
	m.nodes.again(root)
	root.engine.IncRef() // for the control FD
	fd := &controlFD{m: m, node: root}
	fd.ControlFD.Init(conn, &root.engine, linux.ModeDirectory, fd)
	return fd.FD(), s, -1, nil
}

// MaxMessageSize implements lisafs.ConnectionImpl.
func (c *connection) MaxMessageSize() uint32 { return lisafs.MaxMessageSize() }

// SupportedMessages implements lisafs.ConnectionImpl.
func (c *connection) SupportedMessages() []lisafs.MID { return c.mount.messages() }
