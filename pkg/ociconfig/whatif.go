package ociconfig

import (
	"cmp"
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"

	"github.com/directfs/runsc/directfspolicy"
	specs "github.com/opencontainers/runtime-spec/specs-go"
)

// RootfsName is the name of the rootfs in a Change.
const RootfsName = "rootfs"

// Change is a hint that somebody considers to give.
type Change struct {
	// Name is RootfsName, the destination of a mount, or the <NAME> of mount
	// annotations.
	Name string `json:"name"`

	// Key is the hint's: "directfs" or "cache". Empty means "directfs".
	Key string `json:"key,omitempty"`

	// Value is the value that the hint would have.
	Value string `json:"value"`
}

func (c Change) key() string { return cmp.Or(c.Key, directfsKey) }

// WhatIf returns the spec and the options as they would be with the changes,
// and leaves the arguments alone. A mount that has hints gets the value in all
// of them, one that has none gets a mount option. Of a <NAME> the annotation
// changes and nothing else, so that it can come to contradict other hints.
//
// The error wraps directfspolicy.ErrNoMount and lists the names there are.
func WhatIf(spec *specs.Spec, o Options, changes ...Change) (*specs.Spec, Options, error) {
	spec = cloneSpec(spec)
	layers := []*specs.Spec{spec}
	if o.Pod != nil {
		o.Pod = cloneSpec(o.Pod)
		layers = []*specs.Spec{o.Pod, spec}
	}
	for _, c := range changes {
		ok := true
		switch {
		case c.Name == RootfsName || path.Clean(c.Name) == "/":
			setRootfsHint(spec, c.key(), c.Value)
		case path.IsAbs(c.Name):
			ok = changeMounts(spec, layers, o.Bundle, c)
		default:
			ok = changeName(layers, c)
		}
		if !ok {
			return nil, o, fmt.Errorf("%q: %w; there are: %s", c.Name, directfspolicy.ErrNoMount, strings.Join(changeable(spec, layers), ", "))
		}
	}
	return spec, o, nil
}

// changeName gives the value to a <NAME> wherever it has one.
func changeName(layers []*specs.Spec, c Change) bool {
	key := mountPrefix + c.Name + "." + c.key()
	set := false
	for _, l := range layers {
		if _, ok := l.Annotations[key]; ok {
			l.Annotations[key] = c.Value
			set = true
		}
	}
	for _, l := range layers {
		if !set && slices.Contains(names(l), c.Name) {
			l.Annotations[key] = c.Value
			set = true
		}
	}
	return set
}

// changeMounts gives the value to every mount at the destination.
func changeMounts(spec *specs.Spec, layers []*specs.Spec, bundle string, c Change) bool {
	found := false
	for i := range spec.Mounts {
		m := &spec.Mounts[i]
		if path.Clean(m.Destination) != path.Clean(c.Name) {
			continue
		}
		found = true
		hinted := changeSource(layers, absolute(m.Source, bundle), c)
		prefix := c.key() + "="
		left := slices.DeleteFunc(slices.Clone(m.Options), func(o string) bool { return strings.HasPrefix(o, prefix) })
		if len(left) < len(m.Options) || !hinted {
			m.Options = append(left, prefix+c.Value)
		}
	}
	return found
}

// changeSource gives the value to every annotation of the hint for the source.
func changeSource(layers []*specs.Spec, source string, c Change) bool {
	found := false
	for _, l := range layers {
		for _, name := range names(l) {
			key := mountPrefix + name + "." + c.key()
			_, ok := l.Annotations[key]
			if ok && sameSource(layers, name, source) {
				l.Annotations[key] = c.Value
				found = true
			}
		}
	}
	return found
}

// sameSource reports whether the name is of mounts with the source.
func sameSource(layers []*specs.Spec, name, source string) bool {
	return slices.ContainsFunc(layers, func(l *specs.Spec) bool {
		s := l.Annotations[mountPrefix+name+".source"]
		return s != "" && path.Clean(s) == path.Clean(source)
	})
}

// changeable lists what a Change can name.
func changeable(spec *specs.Spec, layers []*specs.Spec) []string {
	all := []string{RootfsName}
	for _, m := range spec.Mounts {
		all = append(all, path.Clean(m.Destination))
	}
	for _, l := range layers {
		all = append(all, names(l)...)
	}
	slices.Sort(all[1:])
	return slices.Compact(all)
}

// names lists the <NAME>s of a spec's mount annotations.
func names(spec *specs.Spec) []string {
	var all []string
	for _, key := range slices.Sorted(maps.Keys(spec.Annotations)) {
		if rest, ok := strings.CutPrefix(key, mountPrefix); ok {
			if name, _, ok := strings.Cut(rest, "."); ok && name != "" && !slices.Contains(all, name) {
				all = append(all, name)
			}
		}
	}
	return all
}
