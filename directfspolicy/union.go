package directfspolicy

import (
	"fmt"
	"slices"
	"strings"
)

// UnionDriver says who makes one tree of an overlay's layers.
type UnionDriver uint8

const (
	// HostUnion is the host kernel's overlay file system: one mount, which a gofer
	// serves as it serves any directory.
	HostUnion UnionDriver = iota

	// SentryUnion is the sentry's: a gofer serves each layer, as a mount of its
	// own, and the overlay lives in the sandbox.
	SentryUnion
)

var unionNames = enum[UnionDriver]{"overlay driver", []string{"host", "sentry"}}

// String returns "host" or "sentry".
func (d UnionDriver) String() string { return unionNames.name(d) }

// UnionChoice says why a driver was taken.
type UnionChoice uint8

const (
	// ChosenByDefault: it is the runtime's default.
	ChosenByDefault UnionChoice = iota
	// ChosenByOption: an option of the mount names it.
	ChosenByOption
	// ChosenAsFallback: the host's would be taken, and cannot mount the layers.
	ChosenAsFallback
)

var choiceNames = enum[UnionChoice]{"choice of an overlay driver", []string{"default", "option", "fallback"}}

// String returns "default", "option" or "fallback".
func (c UnionChoice) String() string { return choiceNames.name(c) }

// Union says how the layers of an overlay mount become one tree.
type Union struct {
	Driver UnionDriver
	Chosen UnionChoice

	// HostFails names what is wrong with the layers for the host's driver, where
	// the other one is the fallback.
	HostFails string

	// Source is what the user calls the file system. It names nothing.
	Source string

	// Options are those of the file system, as the driver gets them, but for the
	// layers.
	Options []string

	// Warnings are what whoever made the Request found about the options and the
	// layers that is no reason to refuse them.
	Warnings []string
}

// userXattr reports whether the overlay keeps what it knows of files in their
// user.overlay attributes, and not in trusted.overlay ones. The two are never
// mixed: what one of them says of a file means nothing to the other.
func (u Union) userXattr() bool {
	return u.Driver == SentryUnion || slices.Contains(u.Options, "userxattr")
}

func (u *Union) copied() *Union {
	if u == nil {
		return nil
	}
	c := *u
	c.Options, c.Warnings = slices.Clone(u.Options), slices.Clone(u.Warnings)
	return &c
}

func (l *Layer) copied() *Layer {
	if l == nil {
		return nil
	}
	c := *l
	return &c
}

func (u Union) check() error {
	if !unionNames.knows(u.Driver) || !choiceNames.knows(u.Chosen) || (u.HostFails != "") != (u.Chosen == ChosenAsFallback) ||
		u.Chosen == ChosenAsFallback && u.Driver != SentryUnion {
		return fmt.Errorf("the overlay's driver %v, choice %v and reason %q do not go together", u.Driver, u.Chosen, u.HostFails)
	}
	for _, s := range slices.Concat([]string{u.HostFails, u.Source}, u.Options, u.Warnings) {
		if !isText(s) || strings.ContainsRune(s, 0) {
			return fmt.Errorf("the overlay's source, option or warning %+q is not text", s)
		}
	}
	return nil
}

// hasLayers reports whether the mount's sources are layers of an overlay.
func (d Decision) hasLayers() bool {
	if d.Layer != nil {
		return d.Layer.Kind == LowerLayer || d.Layer.Kind == UpperLayer
	}
	return d.Union != nil && len(d.Sources) > 0
}

// overlay is where the user sees the files of the mount: for a layer, its overlay.
func (d Decision) overlay() string {
	if d.Layer != nil {
		return d.Layer.Of
	}
	return d.Mount
}

// checkUnion refuses layers, of a mount or of a decision, that make no overlay.
func checkUnion(u *Union, l *Layer, served bool, sources []Source) error {
	if l != nil {
		if err := checkDestination(l.Of); err != nil {
			return err
		}
		if u != nil || !served || slices.Contains([]LayerKind{NoLayer, DataLayer, WorkLayer}, l.Kind) || !layerNames.knows(l.Kind) {
			return fmt.Errorf("it cannot be the layer %v of mount %q", l.Kind, l.Of)
		}
	}
	var count [WorkLayer + 1]int
	for _, s := range sources {
		if s.Layer > WorkLayer {
			return fmt.Errorf("source %q: %v is no layer", s, s.Layer)
		}
		count[s.Layer]++
	}
	layers := len(sources) - count[NoLayer]
	switch {
	case u == nil && layers > 0:
		return fmt.Errorf("%d layers, and no overlay", layers)
	case u == nil:
		return nil
	case u.Driver == SentryUnion && (served || layers > 0):
		return fmt.Errorf("the sentry makes the overlay, and it has %d layers of its own", layers)
	case u.Driver == HostUnion && (!served || count[NoLayer] > 0 || count[LowerLayer] == 0 || count[UpperLayer] > 1 || count[UpperLayer] != count[WorkLayer]):
		return fmt.Errorf("%d lower, %d upper and %d work layers make no overlay", count[LowerLayer], count[UpperLayer], count[WorkLayer])
	}
	return u.check()
}

// Overlays describes the overlay mounts, one in a line: where it is, its driver
// and the reason for that, the dialect of its attributes, and its layers.
func (p Plan) Overlays() []string {
	var all []string
	for _, d := range p.decisions {
		if d.Union != nil {
			all = append(all, fmt.Sprintf("%s: %v; %s", d.Mount, d.Union, strings.Join(p.layersOf(d), ", ")))
		}
	}
	return all
}

// String names the driver, why it was taken, and the dialect.
func (u Union) String() string {
	s := fmt.Sprintf("%v's overlay (%v)", u.Driver, u.Chosen)
	if u.HostFails != "" {
		s = fmt.Sprintf("%v's overlay (%v: the host's cannot mount the layers: %s)", u.Driver, u.Chosen, u.HostFails)
	}
	if u.userXattr() {
		return s + ", user.overlay attributes"
	}
	return s + ", trusted.overlay attributes"
}

func (p Plan) layersOf(d Decision) (all []string) {
	if d.Union.Driver == HostUnion {
		for _, s := range d.Sources {
			all = append(all, fmt.Sprintf("%v %v", s.Layer, s))
		}
		return all
	}
	for _, l := range p.decisions {
		if l.Layer == nil || l.Layer.Of != d.Mount || !l.hasLayers() {
			continue // a program or report is no layer
		}
		from := l.Gofer.String()
		if !l.ServedByVolume() && len(l.Sources) > 0 {
			from = l.Sources[0].String()
		}
		all = append(all, fmt.Sprintf("%v %s (%v)", l.Layer.Kind, from, l.Access))
	}
	return all
}
