package gofer

import (
	"errors"
	"fmt"

	"github.com/directfs/runsc/directfspolicy"
	"github.com/directfs/runsc/runsc/internal/layout"
	"golang.org/x/sys/unix"
)

// place finds the connections' places, in the rootfs that is served or in an
// empty one, and makes the mount points that are missing.
func place(conns []connection) error {
	if len(conns) > 0 && conns[0].isRootfs() {
		return arrange(layout.Mount{Decision: conns[0].decision, Root: conns[0].tree, Directory: true}, conns[1:])
	}
	rootfs, err := emptyTree()
	if err != nil {
		return err
	}
	defer unix.Close(rootfs)
	return arrange(layout.Mount{Decision: directfspolicy.Decision{Access: directfspolicy.NoAccess}, Root: rootfs, Directory: true}, conns)
}

// arrange sets the path of every connection. All but host devices are of mounts.
func arrange(rootfs layout.Mount, conns []connection) error {
	l := layout.New(rootfs, true)
	for i := range conns {
		c := &conns[i]
		if c.device {
			continue
		}
		path, same, err := l.Add(layout.Mount{Decision: c.decision, Root: c.tree, Directory: c.directory})
		if err != nil {
			return err
		}
		for _, j := range same {
			if err := conns[j].showAlso(c); err != nil {
				return fmt.Errorf("showing mount %q: %w", c.path, err)
			}
		}
		c.path = path
	}
	return nil
}

// showAlso makes a connection that is hidden by another one at the same place
// serve what hides it: the sentry mounts the two in any order
// (runsc/boot/vfs.go:989).
func (c *connection) showAlso(o *connection) error {
	if c.volume != nil && c.decision.Outside && c.ReadOnly != o.ReadOnly {
		// The daemon serves it already, and cannot be told.
		return fmt.Errorf("gofer %v serves another mount at this place, and only one of the two is read-only: give both the option ro, or remove one", c.decision.Gofer)
	}
	first, second, err := copyTwice(o.tree, o.directory)
	if err != nil {
		return err
	}
	defer closeAll([]int{first, second})
	// The layout goes on to use the FDs.
	if err := errors.Join(unix.Dup3(first, c.tree, unix.O_CLOEXEC), unix.Dup3(second, o.tree, unix.O_CLOEXEC)); err != nil {
		return err
	}
	c.directory, c.ReadOnly, c.Follows = o.directory, o.ReadOnly, o.Follows
	return nil
}
