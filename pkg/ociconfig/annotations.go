package ociconfig

import (
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"

	"github.com/directfs/runsc/directfspolicy"
)

const (
	mountPrefix  = directfspolicy.AnnotationPrefix + "mount."
	rootfsPrefix = directfspolicy.AnnotationPrefix + "rootfs."
	directfsKey  = "directfs"
	cacheKey     = "cache"

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

// parseMountAnnotations collects the mount annotations of all the maps, the
// pod's first. For the engine's own fields the pod's value counts, as it does
// in the engine; of two hints of this package, or
// two sources of one, that differ, neither wins.
func parseMountAnnotations(layers ...map[string]string) (hintSet, error) {
	set := hintSet{}
	for _, annotations := range layers {
		for _, key := range slices.Sorted(maps.Keys(annotations)) {
			value := annotations[key]
			rest, ok := strings.CutPrefix(key, mountPrefix)
			if !ok {
				continue
			}
			name, field, ok := strings.Cut(rest, ".")
			if !ok || name == "" || strings.Contains(field, ".") {
				return nil, &directfspolicy.HintError{
					Key: key, Value: value, Allowed: []string{mountPrefix + "<NAME>.<FIELD>"},
					Fix: "write a key of that form; a name has no dot",
					Err: directfspolicy.ErrInvalidValue,
				}
			}
			set.add(name, field, value)
		}
	}
	return set, nil
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
			Key: mountPrefix + name + "." + field, Value: value, Allowed: []string{old},
			Fix: "give the pod and the container the same value, or remove one of the two",
			Err: directfspolicy.ErrConflict,
		}
	}
	s[name] = h
}

// isHintKey reports whether the field of a name, or the key of a mount option,
// is a hint of this package.
func isHintKey(key string) bool { return key == directfsKey || key == cacheKey }

// hints is everything that was said about one mount.
type hints struct {
	access []directfspolicy.Hint
	cache  []directfspolicy.CacheHint
}

// parse adds what the value of one of the two hint keys says. name is the key
// as the user wrote it, and mount what is known of the mount.
func (h *hints) parse(key, name, value, mount string) error {
	if key == cacheKey {
		c, err := directfspolicy.ParseCacheHint(name, value, mount)
		h.cache = append(h.cache, c)
		return err
	}
	a, err := directfspolicy.ParseHint(name, value, mount)
	h.access = append(h.access, a)
	return err
}

// bySource returns the hints, keyed by the cleaned source of their mount.
func (s hintSet) bySource() (map[string]hints, error) {
	out := map[string]hints{}
	for _, name := range slices.Sorted(maps.Keys(s)) {
		if !s[name].hinted() {
			continue
		}
		source := path.Clean(s[name].fields["source"])
		all := out[source]
		for _, key := range []string{directfsKey, cacheKey} {
			if err := s[name].parse(name, key, &all); err != nil {
				return nil, err
			}
		}
		out[source] = all
	}
	return out, nil
}

// parse adds what the name's field of one of the two hint keys says, if there
// is one.
func (h mountHint) parse(name, field string, all *hints) error {
	value, ok := h.fields[field]
	if !ok {
		return nil
	}
	for _, f := range []string{field, "source"} {
		if err := h.conflicts[f]; err != nil {
			return err
		}
	}
	key, source := mountPrefix+name+"."+field, h.fields["source"]
	if err := all.parse(field, key, value, source); err != nil {
		return err
	}
	if source == "" {
		return &directfspolicy.HintError{
			Key: key, Value: value,
			Fix: fmt.Sprintf("add %s%s.source with the source of the mount that is meant", mountPrefix, name),
			Err: directfspolicy.ErrNoSource,
		}
	}
	return nil
}

// engineHint is what the engine makes of a name that has all the keys that it
// asks for (runsc/boot/mount_hints.go:66). One that lacks a key, or has an
// unknown value in it, does not exist for the engine.
type engineHint struct {
	tmpfs bool   // kept in the sandbox's memory instead of served
	share string // container, pod or shared
}

// engineHints returns the engine's hints by source, raw as the engine compares
// it. What the engine would refuse, or take for two things at once, is an error.
func (s hintSet) engineHints() (map[string]engineHint, error) {
	out := map[string]engineHint{}
	names := map[string]string{}
	for _, name := range slices.Sorted(maps.Keys(s)) {
		h := s[name]
		if !h.complete() {
			continue
		}
		typ, share, source := h.fields["type"], h.fields["share"], h.fields["source"]
		if other, ok := names[source]; ok {
			return nil, &directfspolicy.HintError{
				Key: mountPrefix + name + ".source", Value: source,
				Fix: fmt.Sprintf("%s%s has the same source; merge the two names into one", mountPrefix, other),
				Err: directfspolicy.ErrConflict,
			}
		}
		names[source] = name
		if typ == "tmpfs" && hasBindOption(strings.Split(h.fields["options"], ",")) {
			return nil, &directfspolicy.HintError{
				Key: mountPrefix + name + ".options", Value: h.fields["options"],
				Fix: "the name has type=tmpfs: remove bind and rbind from its options, or write type=bind",
				Err: directfspolicy.ErrConflict,
			}
		}
		out[source] = engineHint{tmpfs: typ == "tmpfs" && share != "shared", share: share}
	}
	return out, nil
}

// hinted reports whether a hint of this package is among the fields.
func (h mountHint) hinted() bool {
	_, access := h.fields[directfsKey]
	_, cache := h.fields[cacheKey]
	return access || cache
}

// complete reports whether the engine takes the hint at all.
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
