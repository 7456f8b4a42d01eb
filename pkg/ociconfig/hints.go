package ociconfig

import (
	"maps"
	"slices"
	"strings"

	"github.com/directfs/runsc/directfspolicy"
	specs "github.com/opencontainers/runtime-spec/specs-go"
)

// optionHints reads the hints among a mount's options, and refuses options that
// could reach the gofer file system's own option string
// (pkg/sentry/fsimpl/gofer/gofer.go:113) as something else than they look.
func optionHints(destination string, options []string, bind bool) (hints, error) {
	var said hints
	for _, opt := range options {
		key, value, hasValue := strings.Cut(opt, "=")
		refuse := func(fix string) error {
			return &directfspolicy.HintError{Key: optionKey, Value: opt, Mount: destination, Fix: fix, Err: directfspolicy.ErrMountOption}
		}
		switch like := strings.ToLower(strings.TrimSpace(key)); {
		case bind && strings.Contains(opt, ","):
			return said, refuse("give each option an entry of its own; an option has no comma")
		case like == cacheKey && !bind && !isHintOption(opt):
			// An option of another file system.
		case isHintKey(key) && hasValue:
			if err := said.parse(key, optionKey+" "+key, value, destination); err != nil {
				return said, err
			}
		case like == directfsKey:
			return said, refuse("write directfs=on, directfs=off or directfs=default")
		case like == cacheKey:
			return said, refuse("write cache=shared, cache=exclusive or cache=default")
		}
	}
	return said, nil
}

// isHintOption reports whether a mount option is a hint, or looks so much like
// a directfs hint that it must not reach the engine. Other file systems have a
// cache option too, with other values.
func isHintOption(option string) bool {
	key, value, _ := strings.Cut(option, "=")
	return strings.EqualFold(strings.TrimSpace(key), directfsKey) ||
		key == cacheKey && slices.Contains(directfspolicy.AllowedCacheValues, value)
}

// StripOptions returns the options without those that Request reads. What is
// left is for the engine.
func StripOptions(options []string) []string {
	return slices.DeleteFunc(slices.Clone(options), isHintOption)
}

// StripAnnotations returns the annotations without the hints that Request
// reads. What is left is for the engine, whose own parser knows fewer values.
//
// A name that only a hint made worth giving goes as a whole: to the
// engine it is incomplete, and whether it drops such a name or refuses the
// container because another has the same source is left to chance
// (runsc/boot/mount_hints.go:104).
func StripAnnotations(annotations map[string]string) map[string]string {
	out := maps.Clone(annotations)
	set, err := parseMountAnnotations(annotations)
	maps.DeleteFunc(out, func(key, _ string) bool {
		rest, ok := strings.CutPrefix(key, mountPrefix)
		if !ok {
			field, ok := strings.CutPrefix(key, rootfsPrefix)
			return ok && isHintKey(field)
		}
		name, _, _ := strings.Cut(rest, ".")
		return isHintKey(rest[strings.LastIndexByte(rest, '.')+1:]) || err == nil && set[name].hinted() && !set[name].complete()
	})
	return out
}

// SetRootfsHint says something about the access of a spec's rootfs, for programs
// that make specs themselves.
func SetRootfsHint(spec *specs.Spec, value string) { setRootfsHint(spec, directfsKey, value) }

func setRootfsHint(spec *specs.Spec, key, value string) {
	if spec.Annotations == nil {
		spec.Annotations = map[string]string{}
	}
	spec.Annotations[rootfsPrefix+key] = value
}

// SetMountHint says something about the access of one mount.
func SetMountHint(m *specs.Mount, value string) {
	m.Options = append(slices.Clip(m.Options), directfsKey+"="+value)
}
