// Package overlays is the host's overlay driver: it mounts the overlays of a plan,
// in the client, before a container's processes start. A gofer may be in a user
// namespace of its own, where the kernel mounts an overlay that looks right and
// cannot remove or rename what is in its lower layers.
package overlays

import (
	"errors"
	"fmt"
	"os"

	"github.com/directfs/runsc/directfspolicy"
	"golang.org/x/sys/unix"
)

// ErrLayerChanged: a layer is no longer the directory that was decided about.
var ErrLayerChanged = errors.New("the layer was replaced by another directory while the container was created")

// ErrInUse: somebody has an upper or work directory already.
var ErrInUse = errors.New("in use")

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

// inMount says of which mount, as a user knows it, each of the errors is.
func inMount(d directfspolicy.Decision, err error) error {
	var all []error
	for _, f := range directfspolicy.Findings(err) {
		all = append(all, fmt.Errorf("mount %q: %w", overlayOf(d), f))
	}
	return errors.Join(all...)
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
		return locks, probeUpper(layers)
	}
	made, err := mountHost(d, layers)
	if err != nil {
		return locks, err
	}
	return append([]*os.File{made}, locks...), nil
}

// layer is an open directory (O_PATH).
type layer struct {
	directfspolicy.Source
	kind directfspolicy.LayerKind
	fd   int
}

// overlayOf is the destination of the overlay that a decision is for.
func overlayOf(d directfspolicy.Decision) string {
	if d.Layer != nil {
		return d.Layer.Of
	}
	return d.Mount
}

// kindOf is what a source is in the overlay that its decision is for.
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
		kind := kindOf(d, s)
		fd, err := unix.Open(s.Path, unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
		if err != nil {
			return layers, fmt.Errorf("%v layer %q: %w", kind, s.Path, err)
		}
		layers = append(layers, layer{s, kind, fd})
		var st unix.Stat_t
		if err := unix.Fstat(fd, &st); err != nil {
			return layers, fmt.Errorf("%v layer %q: %w", kind, s.Path, err)
		}
		if s.Inode == 0 || s.Device != st.Dev || s.Inode != st.Ino {
			return layers, fmt.Errorf("%v layer %q: %w; create the container again", kind, s.Path, ErrLayerChanged)
		}
	}
	return layers, nil
}
