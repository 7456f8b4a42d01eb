package gofer

import (
	"context"
	"errors"
	"fmt"
	"os"

	"github.com/directfs/runsc/pkg/volume"
	"github.com/directfs/runsc/runsc/internal/volumes"
	"golang.org/x/sys/unix"
)

// served is the volume of a connection. One that donates its root is served as
// any directory is: the root takes the place of the mount's source.
type served struct {
	request volume.Request

	// source is of a backend of this program. A daemon's is zero.
	source volume.Source

	// keep must stay open: a backend's files, or what daemonFiles says. A process
	// that executes itself again finds them again.
	keep []*os.File

	mount *volume.Mount // of a backend, when it is open
}

// servedByVolume reports whether a volume answers the sandbox's requests.
func (c *connection) servedByVolume() bool { return c.volume != nil && !c.donate }

// findVolumes looks up the volumes of the connections.
func findVolumes(conns []connection, container, sandbox string) error {
	for i := range conns {
		c := &conns[i]
		if c.device || !c.decision.ServedByVolume() {
			continue
		}
		c.volume = &served{request: volumes.Request(c.decision, container, sandbox, c.ReadOnly)}
		if c.decision.Outside {
			continue
		}
		b, ok := volumes.Backend(c.decision.Gofer.Backend)
		if !ok {
			return c.inVolume(errors.New("this program has no such backend now"))
		}
		ctx, cancel := context.WithTimeout(context.Background(), volumes.OpenTimeout)
		source, err := b.Resolve(ctx, c.volume.request)
		cancel()
		if err != nil {
			return c.inVolume(err)
		}
		if source.Open == nil {
			return c.inVolume(errors.New("its backend says nothing to open it by"))
		}
		c.volume.source = source
	}
	return nil
}

// inVolume says of which volume an error is.
func (c *connection) inVolume(err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("mount %q: gofer %v: %w", c.path, c.decision.Gofer, err)
}

// takeVolumes takes from the host what the volumes need, and lets daemons serve
// theirs. connected are the connections to these, in the order of the mounts.
func takeVolumes(conns []connection, connected []*os.File) error {
	wait, err := attachAll(conns, connected)
	if err != nil {
		return err
	}
	for i := range conns {
		c := &conns[i]
		if c.volume == nil || c.decision.Outside {
			continue
		}
		if err := c.takeFiles(); err != nil {
			return c.inVolume(err)
		}
	}
	return wait()
}

// takeFiles opens what a backend needs of the host, and for a mount that uses
// directfs the volume as well, for no longer than it takes to copy its root.
func (c *connection) takeFiles() error {
	ctx, cancel := context.WithTimeout(context.Background(), volumes.OpenTimeout)
	defer cancel()
	var files []*os.File
	if f := c.volume.source.Files; f != nil {
		var err error
		if files, err = f(ctx); err != nil {
			return fmt.Errorf("opening its files: %w", err)
		}
	}
	if !c.donate {
		c.volume.keep = files
		return nil
	}
	v, err := c.volume.source.Open(ctx, files)
	if err != nil {
		return err
	}
	defer v.Close(ctx)
	donor, ok := v.(volume.RootDonor)
	if !ok {
		return errors.New("it was said to donate its root, and does not")
	}
	root, err := donor.RootFile(ctx)
	if err != nil {
		return fmt.Errorf("asking for its root: %w", err)
	}
	return c.takeRoot(root)
}

// takeRoot copies the directory that a volume donates. A daemon's file is of
// another mount namespace, from which nothing can be copied (open_tree(2)), so it
// is looked for in this one, and is the same file or refused.
func (c *connection) takeRoot(root *os.File) error {
	path, err := os.Readlink(fmt.Sprintf("/proc/self/fd/%d", root.Fd()))
	if err != nil {
		return err
	}
	var want, got unix.Stat_t
	if err := unix.Fstat(int(root.Fd()), &want); err != nil {
		return err
	}
	fd, err := unix.OpenTree(unix.AT_FDCWD, path, unix.OPEN_TREE_CLONE|unix.OPEN_TREE_CLOEXEC|unix.AT_RECURSIVE)
	if err != nil {
		return fmt.Errorf("copying its root %q: %w", path, needsKernel(err, "5.2"))
	}
	if err := unix.Fstat(fd, &got); err != nil {
		return errors.Join(err, unix.Close(fd))
	}
	if got.Dev != want.Dev || got.Ino != want.Ino || got.Mode&unix.S_IFMT != unix.S_IFDIR {
		unix.Close(fd)
		return fmt.Errorf("its root is at %q where the daemon runs, and is no directory or another one here: the daemon must see the host's mounts", path)
	}
	if err := c.allowsNoMore(fd, int(root.Fd())); err != nil {
		unix.Close(fd)
		return fmt.Errorf("its root %q: %w", path, err)
	}
	c.tree, c.directory = fd, true
	return nil
}

// allowsNoMore fails where the copy of a root allows what the root does not: the
// daemon may have it from a read-only mount of its own. The attributes that the
// connection will have count. Their bits are those of statfs(2).
func (c *connection) allowsNoMore(copied, root int) error {
	const restrictions = unix.MOUNT_ATTR_RDONLY | unix.MOUNT_ATTR_NODEV | unix.MOUNT_ATTR_NOEXEC
	var want, got unix.Statfs_t
	if err := errors.Join(unix.Fstatfs(root, &want), unix.Fstatfs(copied, &got)); err != nil {
		return err
	}
	if lost := uint64(want.Flags) & restrictions &^ (uint64(got.Flags) | c.Flags()); lost != 0 {
		return fmt.Errorf("it is on a mount with other flags where the daemon runs (ro, nodev, noexec: %#x) than here: mount it in the same way for both, or give the mount these options", lost)
	}
	return nil
}

// takeStandIn gives a mount that a volume serves an empty directory of its own,
// for the places of other mounts and for hooks: this process does not see what is
// in the volume.
func (c *connection) takeStandIn() (err error) {
	c.directory = true
	c.tree, err = emptyTree()
	return err
}

// openVolumes opens the volumes that this process serves. Then nothing leads to
// the host's files any more, but the filter is not there yet.
func openVolumes(conns []connection) error {
	for i := range conns {
		c := &conns[i]
		if !c.servedByVolume() || c.decision.Outside {
			continue
		}
		if err := c.volume.open(c.ReadOnly, c.path); err != nil {
			return c.inVolume(err)
		}
	}
	return nil
}

func (v *served) open(readOnly bool, path string) error {
	ctx, cancel := context.WithTimeout(context.Background(), volumes.OpenTimeout)
	defer cancel()
	opened, err := v.source.Open(ctx, v.keep)
	if err != nil {
		return err
	}
	v.keep = nil // the volume's
	v.mount, err = volume.NewMount(ctx, opened, volume.MountOptions{Name: path, ReadOnly: readOnly})
	return err
}
