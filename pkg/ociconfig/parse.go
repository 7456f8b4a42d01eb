package ociconfig

import (
	"errors"
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"

	"github.com/directfs/runsc/directfspolicy"
	specs "github.com/opencontainers/runtime-spec/specs-go"
)

// The reasons for which this package refuses a hint, beside those of
// directfspolicy. Match them with errors.Is.
var (
	// ErrInvalidKey: a key that can only be meant for a hint is spelled otherwise.
	ErrInvalidKey = errors.New("invalid key")

	// ErrNoSource: a hint has no way to find its mount.
	ErrNoSource = errors.New("hint names no mount source")

	// ErrMountOption: a mount option could smuggle in what the policy decides.
	ErrMountOption = errors.New("mount option not allowed")
)

// This file reads what users said: annotations about names and the rootfs, and
// options of mounts.

// parser collects hints, and all for which some are refused.
type parser struct {
	o     Options
	scope directfspolicy.Scope

	// pod has the annotations that every container of the pod has.
	pod  map[string]string
	errs []error
}

func (p *parser) refuse(errs ...error) { p.errs = append(p.errs, errs...) }

// hint reads the value of a hint. ok is false if it is refused.
func (p *parser) hint(k directfspolicy.Knob, key, value, mount string) (h directfspolicy.Hint, ok bool) {
	h, err := directfspolicy.ParseHint(k, key, value, mount)
	if err != nil {
		p.refuse(err)
		return h, false
	}
	_, inPod := p.pod[key]
	h.PodWide = inPod && p.scope != directfspolicy.Standalone
	return h, true
}

// named reads the hints about names, with the sources that they give.
func (p *parser) named(set hintSet) []directfspolicy.SourceHint {
	var all []directfspolicy.SourceHint
	for _, name := range slices.Sorted(maps.Keys(set)) {
		for _, k := range knobs {
			value, ok := set[name].fields[string(k)]
			if !ok {
				continue
			}
			h, ok := p.namedHint(set[name], k, MountKey(name, string(k)), value)
			if !ok {
				continue
			}
			sh := directfspolicy.SourceHint{Hint: h, SourceName: path.Clean(set[name].fields["source"])}
			sources, err := p.o.sources(set[name].fields["source"], h.Setting == directfspolicy.Off)
			_, onlyName := h.GoferName()
			switch {
			case err == nil:
				sh.Source, sh.Below = sources[0], append([]directfspolicy.Source(nil), sources[1:]...)
			case onlyName:
				// What is there serves to find mounts of a part of it, no more.
				sh.Source.Path = sh.SourceName
			default:
				p.refuse(fmt.Errorf("%s: %w", MountKey(name, "source"), err))
				continue
			}
			all = append(all, sh)
		}
	}
	return all
}

func (p *parser) namedHint(m mountHint, k directfspolicy.Knob, key, value string) (directfspolicy.Hint, bool) {
	differ := false
	for _, f := range []string{string(k), "source"} {
		if err := m.conflicts[f]; err != nil {
			p.refuse(err)
			differ = true
		}
	}
	if differ {
		return directfspolicy.Hint{}, false
	}
	source := m.fields["source"]
	h, ok := p.hint(k, key, value, source)
	if source == "" {
		p.refuse(p.noSource(m, key, value))
		return h, false
	}
	if !path.IsAbs(source) {
		p.refuse(relativeSource(key, source))
		return h, false
	}
	return h, ok
}

// relativeSource refuses a source of a hint that no mount can have: the engine
// makes those of mounts absolute first (runsc/specutils/specutils.go:267).
func relativeSource(key, source string) error {
	return &directfspolicy.HintError{
		Key: key[:strings.LastIndexByte(key, '.')] + ".source", Value: source,
		Fix: "write an absolute path: the source of a hint is not relative to the bundle",
		Err: directfspolicy.ErrInvalidValue,
	}
}

// noSource says how a name comes to a source. In a pod the shim fills it in,
// for names of the pod's volumes; gVisor's own does for those with a type.
func (p *parser) noSource(m mountHint, key, value string) error {
	name := key[:strings.LastIndexByte(key, '.')]
	fix := fmt.Sprintf("add %s.source with the source of the mount that is meant", name)
	if _, typed := m.fields["type"]; !typed && p.scope != directfspolicy.Standalone {
		fix = fmt.Sprintf("give the hint the name of one of the pod's volumes that a container mounts, or, for a claim, of its PersistentVolume, and the shim of this runtime fills in the source (gVisor's own needs %s.type=bind for that); or, for a hostPath volume, add %s.source with its path", name, name)
	}
	return &directfspolicy.HintError{Key: key, Value: value, Fix: fix, Err: ErrNoSource}
}

// rootfs reads the hints about the rootfs.
func (p *parser) rootfs(annotations map[string]string) []directfspolicy.Hint {
	var all []directfspolicy.Hint
	for _, key := range slices.Sorted(maps.Keys(annotations)) {
		if field, ok := strings.CutPrefix(key, rootfsPrefix); ok {
			if err := misspelled(key, rootfsPrefix, field, annotations[key]); err != nil {
				p.refuse(err)
			}
		}
	}
	for _, k := range knobs {
		key := rootfsPrefix + string(k)
		if value, ok := annotations[key]; ok {
			if h, ok := p.hint(k, key, value, "/"); ok {
				all = append(all, h)
			}
		}
	}
	return all
}

// options reads the hints among a mount's options, and refuses options that
// could reach the gofer file system's own option string
// (pkg/sentry/fsimpl/gofer/gofer.go:113) as something else than they look.
func (p *parser) options(sm specs.Mount) []directfspolicy.Hint {
	bind, overlay := isBind(sm), isOverlay(sm)
	var all []directfspolicy.Hint
	destination := path.Clean(sm.Destination)
	for _, opt := range sm.Options {
		key, value, hasValue := strings.Cut(opt, "=")
		refuse := func(fix string) {
			p.refuse(&directfspolicy.HintError{Key: optionKey, Value: opt, Mount: destination, Fix: fix, Err: ErrMountOption})
		}
		like := strings.ToLower(strings.TrimSpace(key))
		if meant := misspelledOption(opt); (bind || overlay) && meant != "" {
			like = meant
		}
		switch {
		case bind && strings.Contains(opt, ","):
			refuse("give each option an entry of its own; an option has no comma")
		case !isHintKey(like):
		case !isOurs(like) && !bind && !overlay && !isHintOption(opt):
			// An option of another file system.
		case isHintKey(key) && hasValue:
			if h, ok := p.hint(directfspolicy.Knob(key), optionKey+" "+key, value, destination); ok {
				all = append(all, h)
			}
		default:
			var forms []string
			for _, word := range directfspolicy.Knob(like).Allowed() {
				forms = append(forms, like+"="+word)
			}
			refuse("write one of " + strings.Join(forms, ", "))
		}
	}
	return all
}
