// Package overlays is the host's overlay driver: it mounts the overlays of a plan,
// in the client, before a container's processes start. A gofer may be in a user
// namespace of its own, where the kernel mounts an overlay that looks right and
// cannot remove or rename what is in its lower layers.
package overlays

import (
	"cmp"
	"errors"
	"fmt"
	"os"
	"slices"

	"github.com/directfs/runsc/directfspolicy"
	"github.com/directfs/runsc/pkg/overlaymount/inspect"
	"golang.org/x/sys/unix"
)

// ErrLayerChanged: a layer is no longer the directory that was decided about.
var ErrLayerChanged = errors.New("the layer was replaced by another directory while the container was created")

// Needs says for each file that Mount returns which mount it is for.
func Needs(plan directfspolicy.Plan) (mounts []string) {
	for _, d := range plan.Decisions() {
		if isHost(d) {
			mounts = append(mounts, d.Mount)
		}
		for range d.Locks() {
			mounts = append(mounts, d.Mount)
		}
		if isReport(d) {
			mounts = append(mounts, d.Mount)
		}
	}
	return mounts
}

func isReport(d directfspolicy.Decision) bool {
	return d.Layer != nil && d.Layer.Kind == directfspolicy.ReportFile
}

func isHost(d directfspolicy.Decision) bool {
	return d.Union != nil && d.Union.Driver == directfspolicy.HostUnion
}

// Mount mounts the overlays of the plan that the host's driver makes. It returns an
// FD of each, detached (fsmount(2)), followed by one that holds the lock of each of
// the directories that [directfspolicy.Decision.Locks] has, in the order of the
// plan. A lock lasts as long as somebody has its FD open. For those that the sentry
// makes there is a directory, detached as well, for the report of the container's
// first process, which is report. It is nil where there is none. Nothing stays
// mounted with an error, which names the mount.
//
// In a user namespace, whose root may not mount in the mount namespace that it is
// in, it mounts in one of its own.
func Mount(plan directfspolicy.Plan) (files []*os.File, report *Report, err error) {
	files, report, err = mountAll(plan)
	if errors.Is(err, unix.EPERM) {
		apart(func() { files, report, err = mountAll(plan) })
	}
	return files, report, err
}

func mountAll(plan directfspolicy.Plan) (files []*os.File, report *Report, err error) {
	defer func() {
		if err != nil {
			for _, f := range files {
				f.Close()
			}
			files = nil
			report.Close()
			report = nil
		}
	}()
	taken := taken{}
	for _, d := range plan.Decisions() {
		if isReport(d) {
			dir, made, err := makeReport()
			if err != nil {
				return files, report, err
			}
			files, report = append(files, dir), made
			continue
		}
		own, err := mount(d, taken)
		files = append(files, own...)
		if err != nil {
			return files, report, inMount(d, err)
		}
	}
	return files, report, nil
}

// mount makes the files of one decision. Locks come first in time: who finds a
// directory in use must not have mounted it.
func mount(d directfspolicy.Decision, taken taken) (files []*os.File, err error) {
	layers, err := openLayers(d)
	defer closeAll(layers)
	if err != nil {
		return nil, err
	}
	locks, err := lockAll(d, layers, taken)
	if err != nil {
		return locks, err
	}
	if !isHost(d) {
		return locks, probeUpper(d, layers)
	}
	made, err := mountHost(d, layers)
	if err != nil {
		return locks, err
	}
	return append([]*os.File{made}, locks...), nil
}

// lockAll takes the locks of a decision. The error joins all that are taken already.
func lockAll(d directfspolicy.Decision, layers []layer, taken taken) (locks []*os.File, err error) {
	var errs []error
	for _, l := range layers {
		if !slices.Contains(d.Locks(), l.Source) {
			continue
		}
		if err := taken.by(d, l.Source); err != nil {
			errs = append(errs, err)
			continue
		}
		lock, err := lockDirectory(l)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		locks = append(locks, lock)
	}
	return locks, errors.Join(errs...)
}

// layer is an open directory (O_PATH).
type layer struct {
	directfspolicy.Source
	kind directfspolicy.LayerKind
	fd   int
}

// kindOf is what a source of the decision is in an overlay: for the sentry's the
// decision says it, and for the host's the source.
func kindOf(d directfspolicy.Decision, s directfspolicy.Source) directfspolicy.LayerKind {
	if d.Layer != nil {
		return d.Layer.Kind
	}
	return s.Layer
}

func closeAll(layers []layer) {
	for _, l := range layers {
		unix.Close(l.fd)
	}
}

// openLayers opens what the decision was made for, or fails: from here on a layer
// is its FD, and no name leads to another directory.
func openLayers(d directfspolicy.Decision) (layers []layer, err error) {
	if !isHost(d) && len(d.Locks()) == 0 {
		return nil, nil
	}
	for _, s := range d.Sources {
		fd, err := unix.Open(s.Path, unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
		if err != nil {
			return layers, fmt.Errorf("%v layer %q: %w", kindOf(d, s), s.Path, err)
		}
		layers = append(layers, layer{s, kindOf(d, s), fd})
		var st unix.Stat_t
		if err := unix.Fstat(fd, &st); err != nil {
			return layers, fmt.Errorf("%v layer %q: %w", kindOf(d, s), s.Path, err)
		}
		if s.Inode == 0 || s.Device != st.Dev || s.Inode != st.Ino {
			return layers, fmt.Errorf("%v layer %q: %w; create the container again", kindOf(d, s), s.Path, ErrLayerChanged)
		}
	}
	return layers, nil
}

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
			return nil, inUse(l.Source, cmp.Or(inspect.Holder(l.fd), "somebody who has released it meanwhile"))
		}
		return nil, wrap(err)
	}
	return os.NewFile(uintptr(fd), l.Path), nil
}
