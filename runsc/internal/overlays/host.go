package overlays

import (
	"errors"
	"fmt"
	"os"
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

// mountHost mounts the overlay of open layers. It fails for an upper layer that
// cannot do what an overlay does with it later.
func mountHost(d directfspolicy.Decision, layers []layer) (*os.File, error) {
	described := describe(d)
	if err := probe(described, layers); err != nil {
		return nil, err
	}
	spec := overlayfs.Spec{Source: d.Union.Source, Options: described.Options}
	for _, l := range layers {
		spec.Layers = append(spec.Layers, overlayfs.Layer{Role: roles[l.Layer], FD: l.fd})
	}
	fd, err := overlayfs.Mount(spec)
	if err != nil {
		return nil, explain(described, err)
	}
	return os.NewFile(uintptr(fd), d.Mount), nil
}

// describe is the overlay as the spec's options say.
func describe(d directfspolicy.Decision) (m overlaymount.Mount) {
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
	for _, o := range d.Union.Options {
		var one overlaymount.Option
		one.Key, one.Value, one.HasValue = strings.Cut(o, "=")
		m.Options = append(m.Options, one)
	}
	return m
}

// probe tries the work directory of a file system of which it is not known whether
// it can hold an upper layer.
func probe(m overlaymount.Mount, layers []layer) error {
	for _, l := range layers {
		if l.Layer != directfspolicy.WorkLayer {
			continue
		}
		name := fmt.Sprintf("/proc/self/fd/%d", l.fd)
		seen := inspect.Facts(overlaymount.Mount{Work: name}).Layers[name]
		if overlaymount.UpperSupport(seen.Filesystem) != overlaymount.SupportUnknown {
			return nil
		}
		dialect := overlayfs.Trusted
		if m.UserXattr() {
			dialect = overlayfs.User
		}
		dir, err := unix.Openat(l.fd, ".", unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
		if err != nil {
			return fmt.Errorf("%v layer %q: %w", l.Layer, l.Path, err)
		}
		defer unix.Close(dir)
		if err := overlayfs.Probe(dir, dialect); err != nil {
			return fmt.Errorf("%v layer %q: %s cannot hold an upper layer: %w: use another volume, or the sentry driver (gvisor.overlay=sentry)",
				l.Layer, l.Path, seen.Filesystem, err)
		}
	}
	return nil
}

// explain says what the kernel's refusal means. Some of it is known only from
// another look at the layers.
func explain(m overlaymount.Mount, err error) error {
	var refused *overlayfs.Error
	if !errors.As(err, &refused) {
		return err
	}
	return overlaymount.Explain(m, inspect.Facts(m), fmt.Errorf("%s: %w", refused.Step, refused.Err), refused.Log)
}
