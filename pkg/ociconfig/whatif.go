package ociconfig

import (
	"cmp"
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"

	"github.com/directfs/runsc/directfspolicy"
	"github.com/directfs/runsc/pkg/overlaymount"
	specs "github.com/opencontainers/runtime-spec/specs-go"
)

// RootfsName is the name of the rootfs in a Change.
const RootfsName = "rootfs"

// Change is a hint that somebody considers to give.
type Change struct {
	// Name is RootfsName, the destination of a mount, or the <NAME> of mount
	// annotations.
	Name string `json:"name"`

	// Knob is what the hint is about. Empty means directfspolicy.DirectFSKnob.
	Knob directfspolicy.Knob `json:"knob,omitempty"`

	// Value is the value that the hint would have.
	Value string `json:"value"`
}

func (c Change) key() string { return string(cmp.Or(c.Knob, directfspolicy.DirectFSKnob)) }

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
			ok = changeMounts(spec, layers, o, c)
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
	key := MountKey(c.Name, c.key())
	set := false
	for _, l := range layers {
		if _, ok := l.Annotations[key]; ok {
			l.Annotations[key] = c.Value
			set = true
		}
	}
	for _, l := range layers {
		if !set && slices.Contains(Names(l.Annotations), c.Name) {
			l.Annotations[key] = c.Value
			set = true
		}
	}
	return set
}

// changeMounts gives the value to every mount at the destination.
func changeMounts(spec *specs.Spec, layers []*specs.Spec, o Options, c Change) bool {
	found := false
	for i := range spec.Mounts {
		m := &spec.Mounts[i]
		if path.Clean(m.Destination) != path.Clean(c.Name) {
			continue
		}
		found = true
		hinted := changeSource(layers, *m, o, c)
		prefix := c.key() + "="
		left := slices.DeleteFunc(slices.Clone(m.Options), func(o string) bool { return strings.HasPrefix(o, prefix) })
		if len(left) < len(m.Options) || !hinted {
			m.Options = append(left, prefix+c.Value)
		}
	}
	return found
}

// changeSource gives the value to every annotation of the hint for the mount.
func changeSource(layers []*specs.Spec, m specs.Mount, o Options, c Change) bool {
	found := false
	for _, l := range layers {
		for _, name := range Names(l.Annotations) {
			key := MountKey(name, c.key())
			_, ok := l.Annotations[key]
			if ok && counts(layers, name, m, o) {
				l.Annotations[key] = c.Value
				found = true
			}
		}
	}
	return found
}

// counts reports whether hints of the name are for the mount: one that has the
// name's source, or has files of it. Of the latter, some may have a gofer that
// serves something else, and Plan says so.
func counts(layers []*specs.Spec, name string, m specs.Mount, o Options) bool {
	if isOverlay(m) {
		return countsForLayers(layers, name, m, o)
	}
	if m.Source == "" {
		return false
	}
	if slices.ContainsFunc(layers, func(l *specs.Spec) bool {
		s := l.Annotations[MountKey(name, "source")]
		return s != "" && path.Clean(s) == sourceName(m, o.Bundle)
	}) {
		return true
	}
	mount, err := o.sources(absolute(m.Source, o.Bundle), false)
	if err != nil {
		return false // as Plan will say
	}
	return hasFilesOf(layers, name, mount[:1], o)
}

// countsForLayers is counts for an overlay: a hint for any of its layers is for it.
func countsForLayers(layers []*specs.Spec, name string, m specs.Mount, o Options) bool {
	l, _, err := overlaymount.Parse(fileSystemOptions(m.Options))
	if err != nil {
		return false // as Plan will say
	}
	all, err := o.layerSources(l, overlaymount.Facts{})
	return err == nil && hasFilesOf(layers, name, all, o)
}

// hasFilesOf reports whether one of the sources is that of the name, or in it.
func hasFilesOf(layers []*specs.Spec, name string, sources []directfspolicy.Source, o Options) bool {
	return slices.ContainsFunc(layers, func(l *specs.Spec) bool {
		s := l.Annotations[MountKey(name, "source")]
		of, err := o.sources(s, false)
		return s != "" && err == nil && slices.ContainsFunc(sources, of[0].Contains)
	})
}

// changeable lists what a Change can name.
func changeable(spec *specs.Spec, layers []*specs.Spec) []string {
	all := []string{RootfsName}
	for _, m := range spec.Mounts {
		all = append(all, path.Clean(m.Destination))
	}
	for _, l := range layers {
		all = append(all, Names(l.Annotations)...)
	}
	slices.Sort(all[1:])
	return slices.Compact(all)
}

// cloneSpec copies what WhatIf edits.
func cloneSpec(spec *specs.Spec) *specs.Spec {
	c := *spec
	c.Annotations = maps.Clone(spec.Annotations)
	c.Mounts = slices.Clone(spec.Mounts)
	for i := range c.Mounts {
		c.Mounts[i].Options = slices.Clone(c.Mounts[i].Options)
	}
	return &c
}
