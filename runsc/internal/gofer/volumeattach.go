package gofer

import (
	"errors"
	"os"

	"github.com/directfs/runsc/runsc/internal/volumes"
)

// attachAll lets daemons open all volumes at once: a daemon waits for the request
// of a connection, but not for as long as it may take to open a volume. wait
// returns the first error, and then some daemons may not have answered.
func attachAll(conns []connection, connected []*os.File) (wait func() error, err error) {
	attached, n := make(chan error, len(conns)), 0
	for i := range conns {
		c := &conns[i]
		if c.volume == nil || !c.decision.Outside {
			continue
		}
		if n == len(connected) {
			return nil, c.inVolume(errors.New("the client made no connection to the daemon"))
		}
		daemon := connected[n]
		c.volume.keep = connected[n : n+1 : n+1]
		n++
		go func() { attached <- c.inVolume(c.attach(daemon)) }()
	}
	return func() error {
		for range n {
			if err := <-attached; err != nil {
				return err
			}
		}
		return nil
	}, nil
}

// attach lets a daemon serve the mount. This process keeps the socket to be able
// to hang up, which it has to do as well when the daemon is gone.
func (c *connection) attach(daemon *os.File) error {
	if c.donate {
		root, err := volumes.Attach(daemon, c.volume.request, true, nil)
		if err != nil {
			return err
		}
		defer root.Close()
		return c.takeRoot(root)
	}
	socket := os.NewFile(uintptr(c.fd), "socket of a mount")
	c.fd = -1
	c.volume.keep = append(c.volume.keep, socket)
	_, err := volumes.Attach(daemon, c.volume.request, false, socket)
	return err
}
