package overlays

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/directfs/runsc/directfspolicy"
	"github.com/directfs/runsc/pkg/overlaymount"
	"github.com/directfs/runsc/pkg/overlaymount/inspect"
	"github.com/directfs/runsc/runsc/internal/overlayfs"
	"golang.org/x/sys/unix"
)

var roles = map[directfspolicy.LayerKind]overlaymount.Role{
	directfspolicy.LowerLayer: overlaymount.Lower, directfspolicy.DataLayer: overlaymount.Data,
	directfspolicy.UpperLayer: overlaymount.Upper, directfspolicy.WorkLayer: overlaymount.Work,
}

// mountHost mounts the overlay of open layers. Where the kernel refuses, the error
// has its reasons.
func mountHost(d directfspolicy.Decision, layers []layer) (*os.File, error) {
	spec := overlayfs.Spec{Source: d.Union.Source, Options: optionsOf(d)}
	for _, l := range layers {
		spec.Layers = append(spec.Layers, overlayfs.Layer{Role: roles[l.Layer], FD: l.fd})
	}
	if err := probe(d, layers); err != nil {
		return nil, err
	}
	fd, err := overlayfs.Mount(spec)
	if errors.Is(err, overlayfs.ErrReadOnly) {
		return nil, &overlaymount.Finding{
			Code: overlaymount.CodeReadOnly, Option: string(overlaymount.Work), Path: mountOf(d).Work,
			Problem: "cannot be used by the kernel, which mounted the overlay read-only", Fix: "name an empty directory on the same mount",
		}
	}
	if err != nil {
		var refused *overlayfs.Error
		var log []string
		if errors.As(err, &refused) {
			err, log = fmt.Errorf("%s: %w", refused.Step, refused.Err), refused.Log
		}
		return nil, overlaymount.Explain(mountOf(d), factsOf(d), err, log)
	}
	return os.NewFile(uintptr(fd), d.Mount), nil
}

// factsOf are those of an overlay whose upper and work directory this process has
// locked: nobody else has.
func factsOf(d directfspolicy.Decision) overlaymount.Facts {
	m := mountOf(d)
	facts := inspect.NewReader().Facts(m, overlaymount.Host)
	for _, own := range []string{m.Upper, m.Work} {
		if l, ok := facts.Layers[own]; ok {
			l.LockedBy = ""
			facts.Layers[own] = l
		}
	}
	return facts
}

func optionsOf(d directfspolicy.Decision) (all []overlaymount.Option) {
	for _, o := range d.Union.Options {
		var one overlaymount.Option
		one.Key, one.Value, one.HasValue = strings.Cut(o, "=")
		all = append(all, one)
	}
	return all
}

// mountOf is the overlay as its options would say it.
func mountOf(d directfspolicy.Decision) overlaymount.Mount {
	m := overlaymount.Mount{Options: optionsOf(d)}
	for _, s := range d.Sources {
		switch s.Layer {
		case directfspolicy.LowerLayer:
			m.Lower = append(m.Lower, s.Path)
		case directfspolicy.DataLayer:
			m.Data = append(m.Data, s.Path)
		case directfspolicy.UpperLayer:
			m.Upper = s.Path
		case directfspolicy.WorkLayer:
			m.Work = s.Path
		}
	}
	return m
}

// tried are file systems that are known to do as an upper layer (statfs(2)).
var tried = []int64{unix.EXT4_SUPER_MAGIC, unix.XFS_SUPER_MAGIC, unix.BTRFS_SUPER_MAGIC, unix.TMPFS_MAGIC}

// probe tries out an upper layer on another file system: the kernel mounts on some
// that cannot rename or remove what is in a lower layer then.
func probe(d directfspolicy.Decision, layers []layer) error {
	i := slices.IndexFunc(layers, func(l layer) bool { return l.Layer == directfspolicy.WorkLayer })
	if i < 0 {
		return nil
	}
	if good, err := layers[i].isOn(tried); good || err != nil {
		return err
	}
	dialect := overlayfs.Trusted
	if mountOf(d).UserXattr() {
		dialect = overlayfs.User
	}
	if err := overlayfs.Probe(layers[i].fd, dialect); err != nil {
		return fmt.Errorf("upper and work layer on the file system of %q: %w: use another file system, or the sentry's driver, by the option gvisor.overlay=sentry", layers[i].Path, err)
	}
	return nil
}

// isOn reports whether the layer is on one of these file systems (statfs(2)).
func (l layer) isOn(types []int64) (bool, error) {
	var st unix.Statfs_t
	if err := unix.Fstatfs(l.fd, &st); err != nil {
		return false, fmt.Errorf("layer %q: %w", l.Path, err)
	}
	return slices.Contains(types, int64(st.Type)), nil
}

// triedBySentry is tried for overlays that the sentry makes. tmpfs has user.*
// attributes since Linux 6.6 only.
var triedBySentry = []int64{unix.EXT4_SUPER_MAGIC, unix.XFS_SUPER_MAGIC, unix.BTRFS_SUPER_MAGIC}

// probeUpper tries out the upper layer of an overlay that the sentry makes. Where
// that cannot make a whiteout or mark a directory it ends the sandbox
// (pkg/sentry/fsimpl/overlay/filesystem.go, RenameAt).
func probeUpper(d directfspolicy.Decision, layers []layer) error {
	if d.Layer == nil || d.Layer.Kind != directfspolicy.UpperLayer {
		return nil
	}
	for _, l := range layers {
		if good, err := l.isOn(triedBySentry); good || err != nil {
			return err
		}
		if err := overlayfs.ProbeUpper(l.fd); err != nil {
			return fmt.Errorf("upper layer %q: %w: files could not be removed or renamed: use another file system", l.Path, err)
		}
	}
	return nil
}
