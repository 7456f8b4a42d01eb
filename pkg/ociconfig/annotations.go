package ociconfig

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/directfs/runsc/directfspolicy"
)

const (
	mountPrefix  = "dev.gvisor.spec.mount."
	rootfsPrefix = "dev.gvisor.spec.rootfs."

	// optionKey starts the key of a hint that is an option of its mount.
	optionKey = "mount option"
)

// mountHint is what the annotations say about one <NAME>.
type mountHint struct {
	fields map[string]string

	// conflicts are the fields of hints, and the source, about which two maps
	// disagree. They matter only if there is such a hint.
	conflicts map[string]error
}

// hintSet is the mount annotations of a container, by name.
type hintSet map[string]mountHint

// MountKey returns the annotation key of a field of a <NAME>.
func MountKey(name, field string) string { return mountPrefix + name + "." + field }

// Names lists the <NAME>s of mount annotations.
func Names(annotations map[string]string) []string {
	var all []string
	for _, key := range slices.Sorted(maps.Keys(annotations)) {
		if rest, ok := strings.CutPrefix(key, mountPrefix); ok {
			if name, _, ok := strings.Cut(rest, "."); ok && name != "" && !slices.Contains(all, name) {
				all = append(all, name)
			}
		}
	}
	return all
}

// parseMountAnnotations collects the mount annotations of all the maps, the
// pod's first. For the engine's own fields the pod's value counts, as it does
// in the engine; of two hints of this package, or two sources of one, that
// differ, neither wins. Keys that are refused are not in the set.
func parseMountAnnotations(layers ...map[string]string) (hintSet, []error) {
	set := hintSet{}
	var errs []error
	for _, annotations := range layers {
		for _, key := range slices.Sorted(maps.Keys(annotations)) {
			value := annotations[key]
			rest, ok := strings.CutPrefix(key, mountPrefix)
			if !ok {
				continue
			}
			name, field, ok := strings.Cut(rest, ".")
			if !ok || name == "" || strings.Contains(field, ".") {
				errs = append(errs, &directfspolicy.HintError{
					Key: key, Value: value, Allowed: []string{MountKey("<NAME>", "<FIELD>")},
					Fix: "write a key of that form; a name has no dot",
					Err: ErrInvalidKey,
				})
				continue
			}
			err := misspelled(key, MountKey(name, ""), field, value)
			if field == "options" {
				err = hintInOptions(key, name, value)
			}
			if err != nil {
				errs = append(errs, err)
				continue
			}
			set.add(name, field, value)
		}
	}
	return set, errs
}

func (s hintSet) add(name, field, value string) {
	h, ok := s[name]
	if !ok {
		h = mountHint{fields: map[string]string{}, conflicts: map[string]error{}}
	}
	old, ok := h.fields[field]
	switch {
	case !ok:
		h.fields[field] = value
	case old != value && h.conflicts[field] == nil && (isHintKey(field) || field == "source"):
		h.conflicts[field] = &directfspolicy.HintError{
			Key: MountKey(name, field), Value: value, Allowed: []string{old},
			Fix: "give the pod and the container the same value, or remove one of the two",
			Err: directfspolicy.ErrConflict,
		}
	}
	s[name] = h
}

// knobs are what hints can be about.
var knobs = directfspolicy.Knobs()

// isHintKey reports whether the field of a name, or the key of a mount option,
// is a hint of this package.
func isHintKey(key string) bool { return slices.Contains(knobs, directfspolicy.Knob(key)) }

// engineHint is what the engine makes of a name that has all the keys that it
// asks for (runsc/boot/mount_hints.go:66). One that lacks a key, or has an
// unknown value in it, does not exist for the engine.
type engineHint struct {
	name  string // of its annotations
	tmpfs bool   // kept in the sandbox's memory instead of served
	share string // container, pod or shared
}

// engineHints returns the engine's hints by source, raw as the engine compares
// it. What the engine would refuse, or take for two things at once, is an error.
func (s hintSet) engineHints() (map[string]engineHint, []error) {
	out := map[string]engineHint{}
	names := map[string]string{}
	var errs []error
	for _, name := range slices.Sorted(maps.Keys(s)) {
		h := s[name]
		if !h.complete() {
			continue
		}
		typ, share, source := h.fields["type"], h.fields["share"], h.fields["source"]
		if other, ok := names[source]; ok {
			errs = append(errs, &directfspolicy.HintError{
				Key: MountKey(name, "source"), Value: source,
				Fix: fmt.Sprintf("%s has the same source; merge the two names into one", strings.TrimSuffix(MountKey(other, ""), ".")),
				Err: directfspolicy.ErrConflict,
			})
			continue
		}
		names[source] = name
		if typ == "tmpfs" && hasBindOption(strings.Split(h.fields["options"], ",")) {
			errs = append(errs, &directfspolicy.HintError{
				Key: MountKey(name, "options"), Value: h.fields["options"],
				Fix: "the name has type=tmpfs: remove bind and rbind from its options, or write type=bind",
				Err: directfspolicy.ErrConflict,
			})
		}
		out[source] = engineHint{name: name, tmpfs: typ == "tmpfs" && share != "shared", share: share}
	}
	return out, errs
}

// hinted reports whether a hint of this package is among the fields.
func (h mountHint) hinted() bool {
	return slices.ContainsFunc(knobs, func(k directfspolicy.Knob) bool { _, ok := h.fields[string(k)]; return ok })
}

// complete reports whether the engine accepts the hint at all.
func (h mountHint) complete() bool {
	typ, share := h.fields["type"], h.fields["share"]
	return (typ == "tmpfs" || typ == "bind") && (share == "container" || share == "pod" || share == "shared") && h.fields["source"] != ""
}

// cache returns the cache mode that the engine gives a bind mount with this
// hint (runsc/boot/mount_hints.go:242).
func (h engineHint) cache() directfspolicy.Cache {
	if h.share == "container" {
		return directfspolicy.CacheExclusive
	}
	return directfspolicy.CacheShared
}

func hasBindOption(options []string) bool {
	return slices.Contains(options, "bind") || slices.Contains(options, "rbind")
}
