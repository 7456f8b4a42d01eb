package ociconfig

import (
	"maps"
	"regexp"
	"slices"

	"github.com/directfs/runsc/directfspolicy"
	specs "github.com/opencontainers/runtime-spec/specs-go"
)

// standaloneAnnotation says of a container that its type is sandbox for gVisor's
// containerd shim alone. That shim hands the standard streams over too late to a
// container without a type, and waits for ever (pkg/shim/v1/proc/init.go:139).
const standaloneAnnotation = "dev.gvisor.spec.standalone"

// volumeName is what a volume of a pod can be called: a DNS label (RFC 1123). A
// name goes into a path, and an annotation's key may have other characters.
var volumeName = regexp.MustCompile(`^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$`)

// VolumeFunc says where the pod's volume of that name is on the host. ok is
// false if the pod has none that the host has a directory for.
type VolumeFunc func(name string) (source string, ok bool, err error)

// ForShim returns a container's annotations as the containerd shim should have
// them, and whether they differ.
//
// In a pod's first container, a name that has a hint and neither type nor source
// gets the source of the pod's volume with that name, whose path a pod's author
// cannot know. gVisor's shim does so for names that have a type, and for these
// it is left to do it. A standalone container is made one that this shim can
// start; FromShim takes that back.
func ForShim(annotations map[string]string, volume VolumeFunc) (map[string]string, bool, error) {
	out := maps.Clone(annotations)
	if out == nil {
		out = map[string]string{}
	}
	delete(out, standaloneAnnotation)
	scope, err := Scope(&specs.Spec{Annotations: annotations})
	if err != nil {
		return nil, false, err
	}
	switch scope {
	case directfspolicy.Standalone:
		out[scopeAnnotations[0]] = "sandbox"
		out[standaloneAnnotation] = "true"
	case directfspolicy.PodSandbox:
		for _, name := range Unsourced(annotations) {
			source, ok, err := volume(name)
			if err != nil {
				return nil, false, err
			}
			if ok {
				out[MountKey(name, "source")] = source
			}
		}
	}
	return out, !maps.Equal(annotations, out), nil
}

// Unsourced lists the names that have a hint, and neither the source of a mount
// nor a type, and that a volume of a pod can have.
func Unsourced(annotations map[string]string) []string {
	set, _ := parseMountAnnotations(annotations)
	var names []string
	for name, h := range set {
		_, typed := h.fields["type"]
		_, sourced := h.fields["source"]
		if h.hinted() && !typed && !sourced && volumeName.MatchString(name) {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

// FromShim takes back what ForShim did to a standalone container.
func FromShim(spec *specs.Spec) {
	if _, ok := spec.Annotations[standaloneAnnotation]; !ok {
		return
	}
	scope, err := Scope(spec)
	if err == nil && scope == directfspolicy.PodSandbox {
		SetScope(spec, directfspolicy.Standalone)
	} else {
		spec.Annotations = maps.Clone(spec.Annotations)
	}
	delete(spec.Annotations, standaloneAnnotation)
}
