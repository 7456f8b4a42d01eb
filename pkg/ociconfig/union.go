package ociconfig

import (
	"cmp"
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/directfs/runsc/directfspolicy"
	"github.com/directfs/runsc/pkg/overlaymount"
	specs "github.com/opencontainers/runtime-spec/specs-go"
)

// This file reads the mounts of type overlay.

var (
	// ErrNotOverlay: the option that chooses the driver of an overlay is on another
	// mount.
	ErrNotOverlay = errors.New("the mount is no overlay")

	// ErrVolumeOverlay: a hint names a gofer for an overlay.
	ErrVolumeOverlay = errors.New("a volume cannot serve an overlay")
)

// isOverlay reports whether the mount has layers. With bind in its options it is
// a bind mount, whatever the type (runtime-spec, config.md, Mounts).
func isOverlay(sm specs.Mount) bool { return sm.Type == "overlay" && !hasBindOption(sm.Options) }

// isOverlayOption reports whether a mount option is about overlays and for this
// package.
func isOverlayOption(opt string) bool { return strings.HasPrefix(opt, ourOptions) }

// layered is a mount of type overlay as its options say.
type layered struct {
	overlaymount.Mount
	attributes []string // those that any mount can have
	driver     OverlayDriver
	chosen     bool // by the mount's own option
}

// layers reads the options of an overlay. It refuses what can be refused without
// a look at the host.
func (p *parser) layers(sm specs.Mount) (l layered, ok bool) {
	before := len(p.errs)
	destination := path.Clean(sm.Destination)
	l.driver, l.chosen = p.overlayDriver(sm)
	var err error
	l.Mount, l.attributes, err = parseOverlay(sm)
	p.refuseLayers(destination, err)
	for _, o := range l.Options {
		if slices.Contains(sm.Options, o.String()) {
			continue // an entry of its own, which was refused if it is a hint
		}
		if isHintKey(o.Key) || isOverlayOption(o.Key) {
			p.refuse(&directfspolicy.HintError{
				Key: optionKey, Value: o.String(), Mount: destination, Err: ErrMountOption,
				Fix: "give it an entry of its own among the options, apart from those of the overlay",
			})
		}
	}
	if len(sm.UIDMappings)+len(sm.GIDMappings) > 0 {
		p.refuse(fmt.Errorf("%w: mount %q: uidMappings and gidMappings are for bind mounts, and this is an overlay: remove them, or map the layers",
			directfspolicy.ErrInvalidRequest, destination))
	}
	return l, len(p.errs) == before
}

// fileSystemOptions are those that are not for this package.
func fileSystemOptions(options []string) []string {
	return slices.DeleteFunc(slices.Clone(options), func(o string) bool { return isHintOption(o) || isOverlayOption(o) })
}

// parseOverlay reads the options of an overlay: layers, and attributes that any mount
// can have.
func parseOverlay(sm specs.Mount) (m overlaymount.Mount, attributes []string, err error) {
	m, attributes, err = overlaymount.Parse(fileSystemOptions(sm.Options))
	return m, engineWords(attributes), err
}

// refuseLayers refuses a mount for each thing that is wrong with its layers.
func (p *parser) refuseLayers(destination string, err error) {
	for _, f := range directfspolicy.Findings(err) {
		p.refuse(fmt.Errorf("mount %q: %w", destination, f))
	}
}

// union describes an overlay: one mount, or, where the sentry makes one tree of
// the layers, the overlay and a mount for each of them.
func (d describer) union(p *parser, sm specs.Mount, gofers goferHints) []directfspolicy.Mount {
	l, ok := p.layers(sm)
	m, err := d.place(sm)
	if err != nil {
		p.refuse(err)
	}
	if !ok || err != nil {
		return nil
	}
	u, facts, found := d.chooseDriver(l, gofers)
	if len(found) > 0 {
		p.refuseLayers(m.Destination, errors.Join(found...))
		return nil
	}
	u.Source = sm.Source
	m.Union, m.SourceName = &u, ""
	if u.Driver == directfspolicy.SentryUnion {
		return d.sentryUnion(p, m, l, facts, gofers)
	}
	if err := d.notLocal("this is the name of an overlay", EngineSource(sm)); err != nil {
		p.refuse(fmt.Errorf("mount %q: %w", m.Destination, err))
	}
	return d.hostUnion(p, m, l, facts)
}

// hostUnion is one mount of all layers.
func (d describer) hostUnion(p *parser, m directfspolicy.Mount, l layered, facts overlaymount.Facts) []directfspolicy.Mount {
	if facts.UserNamespace {
		l.Mount = l.WithUserXattr()
	}
	for _, o := range l.Options {
		m.Union.Options = append(m.Union.Options, o.String())
	}
	m.Backend, m.BackendName = directfspolicy.StockGofer, ""
	if l.Upper == "" {
		l.Work = "" // the kernel ignores it too (fs/overlayfs/super.c, ovl_fill_super)
	}
	var err error
	if m.Sources, err = d.o.layerSources(l.Mount, facts); err != nil {
		p.refuse(fmt.Errorf("mount %q: %w", m.Destination, err))
		return nil
	}
	m.Overlay = d.o.MountOverlay && !l.readOnly()
	d.writes(&m, m.Overlay || l.readOnly())
	if m.Overlay && d.o.MountOverlayInSource {
		p.refuse(fmt.Errorf("%w: mount %q: %w: keep them elsewhere, by --overlay2=all:memory or --overlay2=all:dir=DIR",
			directfspolicy.ErrInvalidRequest, m.Destination, ErrOverlayInSource))
	}
	return []directfspolicy.Mount{m}
}

func (l layered) readOnly() bool { return l.Upper == "" || slices.Contains(l.attributes, "ro") }

// problems are the findings for which an overlay is refused, and those that users
// are only told.
func problems(m overlaymount.Mount, f overlaymount.Facts, d overlaymount.Driver) (refused []error, told []string) {
	for _, found := range overlaymount.Check(m, f, d) {
		if found.Warning {
			told = append(told, found.Error())
		} else {
			refused = append(refused, found)
		}
	}
	return refused, told
}

// overlay describes an overlay with what users say about it.
func (d describer) overlay(p *parser, sm specs.Mount, hints []directfspolicy.Hint, gofers goferHints) []directfspolicy.Mount {
	for _, h := range gofers.of("", hints) {
		p.refuse(&directfspolicy.HintError{
			Key: h.Key, Value: string(h.Setting), Mount: path.Clean(sm.Destination), Allowed: []string{string(directfspolicy.Default)}, Err: ErrVolumeOverlay,
			Fix: "remove the hint, or let the volume be a lower layer, by the sentry's driver: " + overlayOption + "=" + string(OverlaySentry),
		})
	}
	all := d.union(p, sm, gofers)
	for i := range all {
		p.refusePlace(sm, all[i])
		if all[i].Backend != directfspolicy.NoGofer {
			all[i].Hints = hints
		}
	}
	return all
}

// errLayerChanged: what was found of a layer is not true of the directory that it is
// now.
var errLayerChanged = errors.New("the layer was replaced by another directory while it was looked at; create the container again")

// layerSources says where the files of the layers are, from top to bottom. They are
// the directories that the facts are of.
func (o Options) layerSources(m overlaymount.Mount, facts overlaymount.Facts) (all []directfspolicy.Source, err error) {
	kinds := map[overlaymount.Role]directfspolicy.LayerKind{
		overlaymount.Lower: directfspolicy.LowerLayer, overlaymount.Data: directfspolicy.DataLayer,
		overlaymount.Upper: directfspolicy.UpperLayer, overlaymount.Work: directfspolicy.WorkLayer,
	}
	for _, l := range m.Layers() {
		s, err := o.sources(l.Path, false)
		if err != nil {
			return nil, err
		}
		if err := isOfFacts(l, facts, s[0]); err != nil {
			return nil, err
		}
		s[0].Layer = kinds[l.Role]
		all = append(all, s[0])
	}
	return all, nil
}

// isOfFacts fails where the source of a layer is another directory than the one that
// the facts are of.
func isOfFacts(l overlaymount.Layer, facts overlaymount.Facts, s directfspolicy.Source) error {
	at := facts.Layers[l.Path].Identity
	if at != (overlaymount.Identity{}) && s.Inode != 0 && (at != overlaymount.Identity{Device: s.Device, Inode: s.Inode}) {
		return fmt.Errorf("%s %q: %w", l.Role, l.Path, errLayerChanged)
	}
	return nil
}

// EngineOptions are what the engine may know of a mount's options: for an overlay,
// those that any mount can have. An overlay without an upper layer is read-only.
func EngineOptions(sm specs.Mount) []string {
	if !isOverlay(sm) {
		return StripOptions(sm.Options)
	}
	m, attributes, err := parseOverlay(sm)
	if err != nil || m.Upper == "" && !slices.Contains(attributes, "ro") {
		attributes = append(attributes, "ro")
	}
	return attributes
}

// EngineSource is the source of an overlay as the engine may know it, which takes a
// mount without one for none that a gofer serves.
func EngineSource(sm specs.Mount) string { return cmp.Or(sm.Source, "overlay") }

// IsOverlay reports whether the mount has layers, for its driver to make one tree
// of.
func IsOverlay(sm specs.Mount) bool { return isOverlay(sm) }
