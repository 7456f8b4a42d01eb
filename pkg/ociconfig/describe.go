package ociconfig

import (
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/directfs/runsc/directfspolicy"
	specs "github.com/opencontainers/runtime-spec/specs-go"
)

// This file says what the runtime will make of the rootfs and of each mount:
// who serves it, what is over it, whether it is written.

// describer describes the mounts of one spec.
type describer struct {
	spec *specs.Spec
	o    Options

	// engine has the engine's own hints, by the source as the engine compares
	// it.
	engine map[string]engineHint
}

// rootfs describes the container's root file system. With type=erofs the
// engine reads an image itself and no gofer serves it.
// named says that a hint names a gofer: then the path is only a name.
func (d describer) rootfs(named bool) (m directfspolicy.Mount, err error) {
	overlay := d.rootfsOverlay()
	m = directfspolicy.Mount{Destination: "/", Cache: d.o.RootfsCache, Overlay: overlay}
	d.writes(&m, overlay || rootReadOnly(d.spec))
	if d.spec.Annotations[rootfsPrefix+"type"] == "erofs" {
		return m, nil
	}
	sm := specs.Mount{Destination: "/"}
	if d.spec.Root != nil {
		sm.Source = d.spec.Root.Path
	}
	m.Backend, m.BackendName = d.o.backend(d.spec, sm)
	if sm.Source != "" && !named {
		if m.Sources, err = d.o.sources(absolute(sm.Source, d.o.Bundle), true); err != nil {
			return m, fmt.Errorf("rootfs: %w", err)
		}
	}
	return m, nil
}

// writes says whether writes reach the host. Read-only mounts do not keep the
// host's FIFOs and devices from being written.
func (d describer) writes(m *directfspolicy.Mount, readOnly bool) {
	m.ReadOnly = readOnly && !d.o.SpecialFiles
	m.SpecialFiles = readOnly && d.o.SpecialFiles
}

func rootReadOnly(spec *specs.Spec) bool { return spec.Root != nil && spec.Root.Readonly }

// rootfsOverlay reports whether the runtime puts an overlay over the rootfs.
// Any rootfs annotation but the hints takes the place of --overlay2
// (runsc/container/container.go:1140).
func (d describer) rootfsOverlay() bool {
	if rootReadOnly(d.spec) {
		return false
	}
	for key := range d.spec.Annotations {
		if field, ok := strings.CutPrefix(key, rootfsPrefix); ok && !isHintKey(field) {
			overlay := d.spec.Annotations[rootfsPrefix+"overlay"]
			return overlay != "" && overlay != "none"
		}
	}
	return d.o.RootfsOverlay
}

// isBind reports whether the mount shows a directory or file of the host. The
// engine reads an EROFS image itself, whatever the options say.
func isBind(sm specs.Mount) bool {
	return sm.Source != "" && sm.Type != "erofs" && (sm.Type == "bind" || hasBindOption(sm.Options))
}

// maxPath is how long a path can be (PATH_MAX of path_resolution(7), which counts
// the zero byte as well). Whoever goes through a longer one, name by name, does so
// in vain, and for long.
const maxPath = 4095

// mount describes one mount of the spec. named says that a hint names a gofer for
// it: then its source is only a name, and not looked at.
func (d describer) mount(sm specs.Mount, named bool) (m directfspolicy.Mount, err error) {
	if m, err = d.place(sm); err != nil {
		return m, err
	}
	if !isBind(sm) {
		if sm.Source != "" {
			// A hint for it is refused, or changes nothing, but it has a mount.
			m.Sources = []directfspolicy.Source{{Path: path.Clean(sm.Source)}}
		}
		return m, nil
	}
	source := absolute(sm.Source, d.o.Bundle)
	if !named {
		if m.Sources, err = d.o.sources(source, slices.Contains(sm.Options, "rbind")); err != nil {
			return m, fmt.Errorf("mount %q: %w", sm.Destination, err)
		}
	}
	eh, ok := d.engine[source]
	if ok {
		m.Cache = eh.cache()
	}
	readOnly := slices.Contains(StripOptions(sm.Options), "ro")
	// A mount that is local to the sandbox gets an overlay in any case.
	m.Overlay = ok && eh.share != "shared" || d.o.MountOverlay && !readOnly
	d.writes(&m, m.Overlay || readOnly)
	if !eh.tmpfs {
		m.Backend, m.BackendName = d.o.backend(d.spec, sm)
	}
	return m, nil
}

// place is what is known of a mount by where it is.
func (d describer) place(sm specs.Mount) (m directfspolicy.Mount, err error) {
	if !path.IsAbs(sm.Destination) {
		return m, fmt.Errorf("%w: mount destination %q is not absolute", directfspolicy.ErrInvalidRequest, sm.Destination)
	}
	m = directfspolicy.Mount{Destination: path.Clean(sm.Destination), Cache: d.o.MountCache, SourceName: sourceName(sm, d.o.Bundle)}
	if n := len(m.Destination); n > maxPath {
		return m, fmt.Errorf("%w: mount destination %.40q... has %d bytes, where the kernel takes no more than %d: write a shorter path", directfspolicy.ErrInvalidRequest, m.Destination, n, maxPath)
	}
	return m, nil
}

// absolute returns the source of a mount as it is compared with a hint's.
func absolute(source, bundle string) string {
	if source == "" || path.IsAbs(source) || bundle == "" {
		return source
	}
	return path.Join(bundle, source)
}
