package overlays

import (
	"cmp"
	"errors"
	"fmt"
	"os"
	"slices"

	"github.com/directfs/runsc/directfspolicy"
	"github.com/directfs/runsc/pkg/overlaymount"
	"github.com/directfs/runsc/pkg/overlaymount/inspect"
	"golang.org/x/sys/unix"
)

// taken says which mount of the plan has a directory.
type taken map[inode]string

type inode struct{ device, number uint64 }

// lockAll takes the locks of a decision. The error joins all that are taken already.
func lockAll(d directfspolicy.Decision, layers []layer, taken taken) (locks []*os.File, err error) {
	var errs []error
	for _, l := range layers {
		if !slices.Contains(d.Locks(), l.Source) {
			continue
		}
		at := inode{l.Device, l.Inode}
		if by := taken[at]; by != "" {
			errs = append(errs, l.inUse(fmt.Sprintf("mount %q of this container", by)))
			continue
		}
		lock, err := lockDirectory(l)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		taken[at] = overlayOf(d)
		locks = append(locks, lock)
	}
	return locks, errors.Join(errs...)
}

// inUse says who has the directory, in the words of overlaymount.Check. It wraps
// ErrInUse.
func (l layer) inUse(by string) error {
	option := overlaymount.Upper // of the sentry's as well
	if l.Layer == directfspolicy.WorkLayer {
		option = overlaymount.Work
	}
	return &inUseError{overlaymount.Finding{
		Code: overlaymount.CodeInUse, Option: string(option), Path: l.Path, Problem: "is in use by " + by, Fix: "use a directory of its own",
	}}
}

type inUseError struct{ overlaymount.Finding }

func (*inUseError) Unwrap() error { return ErrInUse }

// lockDirectory takes the lock of an upper or work directory (flock(2)). The FD that
// holds it is of a copy of the directory's mount that is attached nowhere, so that
// nothing above or around the directory can be reached by it, and that is read-only:
// whoever has the FD cannot write past the overlay.
func lockDirectory(l layer) (*os.File, error) {
	wrap := func(err error) error { return fmt.Errorf("%v layer %q: locking it: %w", l.kind, l.Path, err) }
	tree, err := unix.OpenTree(l.fd, "", unix.OPEN_TREE_CLONE|unix.OPEN_TREE_CLOEXEC|unix.AT_EMPTY_PATH)
	if err != nil {
		return nil, wrap(err)
	}
	defer unix.Close(tree)
	attr := unix.MountAttr{Attr_set: unix.MOUNT_ATTR_RDONLY | unix.MOUNT_ATTR_NOSUID | unix.MOUNT_ATTR_NODEV | unix.MOUNT_ATTR_NOEXEC}
	if err := unix.MountSetattr(tree, "", unix.AT_EMPTY_PATH, &attr); err != nil {
		return nil, wrap(err)
	}
	fd, err := unix.Openat(tree, ".", unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, wrap(err)
	}
	if err := unix.Flock(fd, unix.LOCK_EX|unix.LOCK_NB); err != nil {
		defer unix.Close(fd)
		if err == unix.EWOULDBLOCK {
			return nil, l.inUse(cmp.Or(inspect.Holder(l.fd), "somebody who has released it meanwhile"))
		}
		return nil, wrap(err)
	}
	return os.NewFile(uintptr(fd), l.Path), nil
}
