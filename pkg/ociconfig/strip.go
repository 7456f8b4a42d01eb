package ociconfig

import (
	"maps"
	"slices"
	"strings"

	"github.com/directfs/runsc/directfspolicy"
	specs "github.com/opencontainers/runtime-spec/specs-go"
)

// isHintOption reports whether a mount option is a hint, or looks so much like
// a directfs hint that it must not reach the engine. Other file systems have a
// cache option too, with other values.
func isHintOption(option string) bool {
	key, value, _ := strings.Cut(option, "=")
	return strings.EqualFold(strings.TrimSpace(key), string(directfspolicy.DirectFSKnob)) ||
		isHintKey(key) && slices.Contains(directfspolicy.Knob(key).Allowed(), value)
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
	set, errs := parseMountAnnotations(annotations)
	maps.DeleteFunc(out, func(key, _ string) bool {
		rest, ok := strings.CutPrefix(key, mountPrefix)
		if !ok {
			field, ok := strings.CutPrefix(key, rootfsPrefix)
			return ok && isHintKey(field)
		}
		name, _, _ := strings.Cut(rest, ".")
		return isHintKey(rest[strings.LastIndexByte(rest, '.')+1:]) || len(errs) == 0 && set[name].hinted() && !set[name].complete()
	})
	return out
}

// SetRootfsHint says something about the access of a spec's rootfs, for programs
// that make specs themselves.
func SetRootfsHint(spec *specs.Spec, value string) {
	setRootfsHint(spec, string(directfspolicy.DirectFSKnob), value)
}

func setRootfsHint(spec *specs.Spec, key, value string) {
	if spec.Annotations == nil {
		spec.Annotations = map[string]string{}
	}
	spec.Annotations[rootfsPrefix+key] = value
}

// SetMountHint says something about the access of one mount.
func SetMountHint(m *specs.Mount, value string) {
	m.Options = append(slices.Clip(m.Options), string(directfspolicy.DirectFSKnob)+"="+value)
}
