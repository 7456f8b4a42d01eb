package gofer

import (
	"fmt"
	"os"

	"github.com/directfs/runsc/directfspolicy"
	"golang.org/x/sys/unix"
)

// isOverlay reports whether the client mounted the connection's files: an overlay
// that is mounted in the user namespace of this process would not be the one that
// its options say (Documentation/filesystems/overlayfs.rst, userxattr).
func (c *connection) isOverlay() bool {
	return c.decision.Union != nil && c.decision.Union.Driver == directfspolicy.HostUnion
}

// takeOverlays takes the mounts that the client made. files has for each overlay,
// in the order of the plan, its mount and its locks. The locks last as long as this
// process. What is left of the files is returned.
func takeOverlays(conns []connection, files []*os.File) (locks []int, rest []*os.File, err error) {
	keep := func() (int, error) {
		if len(files) == 0 {
			return -1, fmt.Errorf("the client sent too few files")
		}
		file := files[0]
		files = files[1:]
		defer file.Close()
		return unix.FcntlInt(file.Fd(), unix.F_DUPFD_CLOEXEC, 0)
	}
	for i := range conns {
		c := &conns[i]
		if c.device || !c.isOverlay() {
			continue
		}
		c.directory = true
		if c.tree, err = keep(); err != nil {
			return nil, nil, fmt.Errorf("mount %q: taking the overlay: %w", c.path, err)
		}
		for range c.decision.Locks() {
			fd, err := keep()
			if err != nil {
				return nil, nil, fmt.Errorf("mount %q: taking its locks: %w", c.path, err)
			}
			locks = append(locks, fd)
		}
	}
	return locks, files, nil
}
