package ociconfig

import (
	"errors"
	"path"
	"slices"
	"strings"

	"github.com/directfs/runsc/directfspolicy"
	"github.com/directfs/runsc/pkg/overlaymount"
	specs "github.com/opencontainers/runtime-spec/specs-go"
)

// OverlayDriver says who makes one tree of an overlay's layers.
type OverlayDriver string

// The drivers. With OverlayAuto it is the host's, unless the host cannot mount the
// layers. The zero value is OverlayHost.
const (
	OverlayHost   OverlayDriver = "host"
	OverlaySentry OverlayDriver = "sentry"
	OverlayAuto   OverlayDriver = "auto"
)

// OverlayDrivers are their names, for the flag and for the mount option
// gvisor.overlay.
var OverlayDrivers = []string{string(OverlayHost), string(OverlaySentry), string(OverlayAuto)}

const (
	overlayOption = "gvisor.overlay"
	ourOptions    = "gvisor."
)

// overlayDriver reads the option that chooses the driver.
func (p *parser) overlayDriver(sm specs.Mount) (d OverlayDriver, chosen bool) {
	d = p.o.OverlayDriver
	if d == "" {
		d = OverlayHost
	}
	operator := d
	for _, opt := range sm.Options {
		key, value, _ := strings.Cut(opt, "=")
		if !isOverlayOption(key) {
			continue
		}
		allowed := OverlayDrivers
		refuse := func(err error, fix string) {
			p.refuse(&directfspolicy.HintError{
				Key: optionKey + " " + key, Value: value, Mount: path.Clean(sm.Destination), Allowed: allowed, Fix: fix, Err: err,
			})
		}
		switch {
		case key != overlayOption:
			refuse(ErrInvalidKey, "write "+overlayOption+"=<driver>, or remove it")
		case !isOverlay(sm):
			refuse(ErrNotOverlay, "remove the option, or make the mount one of type overlay")
		case !slices.Contains(OverlayDrivers, value):
			refuse(directfspolicy.ErrInvalidValue, "write one of the allowed values or remove the option")
		case chosen && value != string(d):
			refuse(directfspolicy.ErrConflict, "keep one of the options")
		case p.o.Ceiling == directfspolicy.NoHints:
			allowed = nil
			refuse(directfspolicy.ErrCeiling, "--directfs-hints=none leaves the driver to the operator: remove the option")
		case p.o.Ceiling == directfspolicy.NarrowHints && value != string(operator):
			// Each gives something away that the other does not: the host's overlay code,
			// or the layers, with what is deleted in those above them.
			allowed = []string{string(operator)}
			refuse(directfspolicy.ErrCeiling, "--directfs-hints=narrow leaves the driver to the operator, who chooses it by --overlay-driver: remove the option")
		default:
			d, chosen = OverlayDriver(value), true
		}
	}
	return d, chosen
}

// chooseDriver returns the driver and why it is that one, or else why no driver
// can have the layers.
func (d describer) chooseDriver(l layered, gofers goferHints) (u directfspolicy.Union, facts overlaymount.Facts, found []error) {
	if l.chosen {
		u.Chosen = directfspolicy.ChosenByOption
	}
	var host []error
	if l.driver != OverlaySentry {
		facts = d.lookAt(l, overlaymount.Host, gofers)
		host, u.Warnings = problems(l.Mount, facts, overlaymount.Host)
		if l.driver == OverlayHost || len(host) == 0 {
			return u, facts, host
		}
	}
	u.Driver = directfspolicy.SentryUnion
	facts = d.lookAt(l, overlaymount.Sentry, gofers)
	found, u.Warnings = problems(l.Mount, facts, overlaymount.Sentry)
	if d.o.MountOverlay {
		found = append(found, errOverlayOverLayers)
	}
	if l.driver == OverlayAuto {
		if len(found) > 0 {
			return u, facts, append(host, found...)
		}
		u.Chosen, u.HostFails = directfspolicy.ChosenAsFallback, codeOf(host[0])
	}
	return u, facts, found
}

// lookAt looks at the layers, but for those that a volume serves: the paths of
// these are only names.
func (d describer) lookAt(l layered, driver overlaymount.Driver, gofers goferHints) (facts overlaymount.Facts) {
	if d.o.Layers != nil {
		facts = d.o.Layers(l.Mount, driver)
	}
	for _, layer := range l.Layers() {
		hints := gofers.of(path.Clean(layer.Path), nil)
		if len(hints) == 0 {
			continue
		}
		if facts.Layers == nil {
			facts.Layers = map[string]overlaymount.Directory{}
		}
		facts.Layers[layer.Path] = overlaymount.Directory{Volume: string(hints[0].Setting)}
	}
	return facts
}

var errOverlayOverLayers = errors.New("--overlay2=all puts an overlay of its own over each layer, and over what the first process reports: use --overlay2=root:self or none, or the host's driver, by " + overlayOption + "=" + string(OverlayHost))

// codeOf is the kind of a finding.
func codeOf(err error) string {
	var f *overlaymount.Finding
	if errors.As(err, &f) {
		return string(f.Code)
	}
	return string(overlaymount.CodeRefused)
}
