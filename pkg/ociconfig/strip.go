package ociconfig

import (
	"maps"
	"slices"
	"strings"

	"github.com/directfs/runsc/directfspolicy"
	specs "github.com/opencontainers/runtime-spec/specs-go"
)

// isHintOption reports whether a mount option is a hint, or looks so much like
// one that it must not reach the engine.
func isHintOption(option string) bool {
	key, value, _ := strings.Cut(option, "=")
	return isOurs(strings.ToLower(strings.TrimSpace(key))) || isHintKey(key) && accepts(directfspolicy.Knob(key), value)
}

// isOurs reports whether no other file system has an option with the key. Several
// have a cache option, with other values.
func isOurs(key string) bool { return isHintKey(key) && key != string(directfspolicy.CacheKnob) }

// accepts reports whether a hint about the knob can have the value.
func accepts(k directfspolicy.Knob, value string) bool {
	_, err := directfspolicy.ParseHint(k, "", value, "")
	return err == nil
}

// StripOptions returns the options without those that Request reads. What is
// left is for the engine, in words that it knows.
func StripOptions(options []string) []string {
	return engineWords(slices.DeleteFunc(slices.Clone(options), isHintOption))
}

// recursive are attributes for a mount and all that is mounted in it, where they
// keep something from it. The engine knows them by the other word only, and ignores
// words that it does not know: the mount would be writable. Here every attribute of
// a mount is one of all that is mounted in it.
var recursive = map[string]string{"rro": "ro", "rnosuid": "nosuid", "rnodev": "nodev", "rnoexec": "noexec", "rnoatime": "noatime"}

// RecursiveOptions are the words, sorted.
func RecursiveOptions() []string { return slices.Sorted(maps.Keys(recursive)) }

// engineWords changes the options that it is given.
func engineWords(options []string) []string {
	for i, o := range options {
		if word, ok := recursive[o]; ok {
			options[i] = word
		}
	}
	return options
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
