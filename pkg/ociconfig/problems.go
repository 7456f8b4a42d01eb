package ociconfig

import (
	"errors"
	"maps"
	"path"
	"slices"
	"strings"

	"github.com/directfs/runsc/directfspolicy"
	specs "github.com/opencontainers/runtime-spec/specs-go"
)

// Problems returns every reason for which Plan refuses the container, the one
// that Plan returns first, or nothing if it takes it.
//
// It asks Plan again and again, each time without what was refused, so that
// what it finds is what Plan finds. A problem that only shows once another one
// is mended, such as two mounts that would disagree then, is not in the list.
func Problems(spec *specs.Spec, o Options) []error {
	spec = cloneSpec(spec)
	if o.Pod != nil {
		o.Pod = cloneSpec(o.Pod)
	}
	var all []error
	for {
		_, err := Plan(spec, o)
		if err == nil {
			return all
		}
		var he *directfspolicy.HintError
		isHint := errors.As(err, &he)
		if !isHint && len(all) > 0 {
			return all // perhaps a consequence of what was taken out
		}
		all = append(all, err)
		if !isHint || !takeOut(he, spec, o.Pod) {
			return all
		}
	}
}

// cloneSpec copies what takeOut and WhatIf edit.
func cloneSpec(spec *specs.Spec) *specs.Spec {
	c := *spec
	c.Annotations = maps.Clone(spec.Annotations)
	c.Mounts = slices.Clone(spec.Mounts)
	for i := range c.Mounts {
		c.Mounts[i].Options = slices.Clone(c.Mounts[i].Options)
	}
	return &c
}

// takeOut removes what the error is about from the specs, so that the next
// problem can be found, and reports whether anything is left to look at.
func takeOut(he *directfspolicy.HintError, spec, pod *specs.Spec) bool {
	switch {
	case slices.Contains(scopeAnnotations, he.Key):
		return false // everything else depends on the scope
	case strings.HasPrefix(he.Key, optionKey):
		return takeOutOption(he, spec.Mounts)
	}
	taken := takeOutKey(he.Key, spec.Annotations)
	if pod != nil {
		taken = takeOutKey(he.Key, pod.Annotations) || taken
	}
	return taken
}

func takeOutKey(key string, annotations map[string]string) bool {
	before := len(annotations)
	rest, _ := strings.CutPrefix(key, mountPrefix)
	name, field, _ := strings.Cut(rest, ".")
	switch field {
	case "source", "options":
		// Without one of its other keys a name is not what was meant.
		maps.DeleteFunc(annotations, func(k, _ string) bool { return strings.HasPrefix(k, mountPrefix+name+".") })
	default:
		delete(annotations, key)
	}
	return len(annotations) < before
}

// takeOutOption removes the option that is named or, where the error has only
// its meaning, all options of the mount with its key.
func takeOutOption(he *directfspolicy.HintError, mounts []specs.Mount) bool {
	remove := func(strip func([]string) []string) bool {
		taken := false
		for i := range mounts {
			m := &mounts[i]
			if path.Clean(m.Destination) == he.Mount {
				left := strip(m.Options)
				taken = taken || len(left) < len(m.Options)
				m.Options = left
			}
		}
		return taken
	}
	key := strings.TrimPrefix(he.Key, optionKey+" ")
	matching := func(match func(option string) bool) func([]string) []string {
		return func(options []string) []string { return slices.DeleteFunc(slices.Clone(options), match) }
	}
	exact := matching(func(o string) bool { return o == he.Value || o == key+"="+he.Value })
	alike := matching(func(o string) bool { return strings.HasPrefix(o, key+"=") })
	return remove(exact) || remove(alike)
}
