package gofer

import (
	"errors"
	"fmt"
	"os"

	"github.com/directfs/runsc/directfspolicy"
	"github.com/directfs/runsc/runsc/internal/isolation"
	"golang.org/x/sys/unix"
)

// isOverlay reports whether the client mounted the connection's files: an overlay
// that is mounted in the user namespace of this process would not be the one that
// its options say (Documentation/filesystems/overlayfs.rst, userxattr).
func (c *connection) isOverlay() bool {
	return c.decision.Union != nil && c.decision.Union.Driver == directfspolicy.HostUnion
}

// isPart reports whether the connection's files are for an overlay that the sentry
// makes. Nobody but the first process finds them at a place of their own.
func (c *connection) isPart() bool { return c.decision.Layer != nil }

func (c *connection) isReport() bool {
	return c.isPart() && c.decision.Layer.Kind == directfspolicy.ReportFile
}

// takeOverlays takes what the client has for overlays: in the order of the plan,
// the mount of one that the host makes, the locks of layers, and the directory of
// a report. The locks last as long as this process. What is left of the files is
// returned.
func takeOverlays(conns []connection, files []*os.File) (locks []int, rest []*os.File, err error) {
	take := func() (int, error) {
		if len(files) == 0 {
			return -1, errors.New("the client sent too few files")
		}
		file := files[0]
		files = files[1:]
		defer file.Close()
		return unix.FcntlInt(file.Fd(), unix.F_DUPFD_CLOEXEC, 0)
	}
	for i := range conns {
		c := &conns[i]
		if c.isOverlay() {
			c.directory = true
			if c.tree, err = take(); err != nil {
				return nil, nil, fmt.Errorf("mount %q: taking the overlay: %w", c.path, err)
			}
		}
		for range c.decision.Locks() {
			fd, err := take()
			if err != nil {
				return nil, nil, fmt.Errorf("mount %q: taking its locks: %w", c.path, err)
			}
			locks = append(locks, fd)
		}
		if c.isReport() {
			dir, err := take()
			if err == nil {
				c.tree, err = fileOf(dir, isolation.ReportName)
			}
			if err != nil {
				return nil, nil, fmt.Errorf("taking the report of the first process: %w", err)
			}
		}
	}
	return locks, files, nil
}

// fileOf copies a file of a detached mount, which is gone then.
func fileOf(mount int, name string) (file int, err error) {
	defer unix.Close(mount)
	aside, err := makeAside()
	if err != nil {
		return -1, err
	}
	defer unix.Close(aside)
	if err = setAside(mount, aside, "0", true); err == nil {
		file, err = unix.OpenTree(mount, name, unix.OPEN_TREE_CLONE|unix.OPEN_TREE_CLOEXEC)
	}
	return file, errors.Join(err, removeAside(aside))
}
