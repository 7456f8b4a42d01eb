package ociconfig

import (
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"

	"github.com/directfs/runsc/directfspolicy"
	specs "github.com/opencontainers/runtime-spec/specs-go"
)

// Request reads everything that the policy needs to know from a container's
// spec. Errors are *directfspolicy.HintError where a user can mend them, and
// wrap directfspolicy.ErrInvalidRequest where the spec itself is malformed.
func Request(spec *specs.Spec, o Options) (directfspolicy.Request, error) {
	r, err := request(spec, o)
	if err != nil {
		return directfspolicy.Request{}, err
	}
	return r, nil
}

// Plan is Request followed by directfspolicy.Resolve.
func Plan(spec *specs.Spec, o Options) (directfspolicy.Plan, error) {
	r, err := request(spec, o)
	if err != nil {
		return directfspolicy.Plan{}, err
	}
	return directfspolicy.Resolve(r)
}

func request(spec *specs.Spec, o Options) (r directfspolicy.Request, err error) {
	r.HostNetwork = o.HostNetwork
	if r.Flag, err = o.flag(spec); err != nil {
		return r, err
	}
	if r.Scope, err = Scope(spec); err != nil {
		return r, err
	}
	pod := spec.Annotations
	if r.Scope == directfspolicy.PodMember {
		if o.Pod == nil {
			return r, errNoPod
		}
		pod = o.Pod.Annotations
	}
	said, err := parseMountAnnotations(pod, spec.Annotations)
	if err != nil {
		return r, err
	}
	bySource, err := said.bySource()
	if err != nil {
		return r, err
	}
	// The sentry knows the hints of the pod's first container only.
	podHints, err := parseMountAnnotations(pod)
	if err != nil {
		return r, err
	}
	engine, err := podHints.engineHints()
	if err != nil {
		return r, err
	}
	if r.Rootfs, err = rootfs(spec, o); err != nil {
		return r, err
	}
	m := mounter{spec: spec, o: o, bySource: bySource, engine: engine, matched: map[string]bool{}}
	r.Mounts = make([]directfspolicy.Mount, 0, len(spec.Mounts))
	for _, sm := range spec.Mounts {
		pm, err := m.mount(sm)
		if err != nil {
			return r, err
		}
		r.Mounts = append(r.Mounts, pm)
	}
	if err := checkOrder(r.Mounts); err != nil {
		return r, err
	}
	for _, source := range slices.Sorted(maps.Keys(bySource)) {
		if !m.matched[source] {
			r.Unmatched = append(r.Unmatched, bySource[source].access...)
			r.UnmatchedCache = append(r.UnmatchedCache, bySource[source].cache...)
		}
	}
	return r, nil
}

// rootfs describes the container's root file system. With type=erofs the
// engine reads an image itself and no gofer serves it.
func rootfs(spec *specs.Spec, o Options) (directfspolicy.Mount, error) {
	overlay := rootfsOverlay(spec, o)
	m := directfspolicy.Mount{Destination: "/", Cache: o.RootfsCache, Overlay: overlay, ReadOnly: !o.SpecialFiles && (overlay || rootReadOnly(spec))}
	if spec.Annotations[rootfsPrefix+"type"] != "erofs" {
		sm := specs.Mount{Destination: "/"}
		if spec.Root != nil {
			sm.Source = spec.Root.Path
		}
		m.Backend, m.BackendName = o.backend(spec, sm)
		m.Source = o.files(sm.Source)
	}
	var all hints
	for _, key := range []string{directfsKey, cacheKey} {
		if v, ok := spec.Annotations[rootfsPrefix+key]; ok {
			if err := all.parse(key, rootfsPrefix+key, v, "/"); err != nil {
				return m, err
			}
		}
	}
	m.Hints, m.CacheHints = all.access, all.cache
	return m, nil
}

func rootReadOnly(spec *specs.Spec) bool { return spec.Root != nil && spec.Root.Readonly }

// rootfsOverlay reports whether the runtime puts an overlay over the rootfs.
// Any rootfs annotation but the hints takes the place of --overlay2
// (runsc/container/container.go:1140).
func rootfsOverlay(spec *specs.Spec, o Options) bool {
	if rootReadOnly(spec) {
		return false
	}
	for key := range spec.Annotations {
		if field, ok := strings.CutPrefix(key, rootfsPrefix); ok && !isHintKey(field) {
			overlay := spec.Annotations[rootfsPrefix+"overlay"]
			return overlay != "" && overlay != "none"
		}
	}
	return o.RootfsOverlay
}

// mounter describes the mounts of one spec and remembers which hints found
// one.
type mounter struct {
	spec     *specs.Spec
	o        Options
	bySource map[string]hints
	engine   map[string]engineHint
	matched  map[string]bool
}

func (mt mounter) mount(sm specs.Mount) (directfspolicy.Mount, error) {
	if !path.IsAbs(sm.Destination) {
		return directfspolicy.Mount{}, fmt.Errorf("%w: mount destination %q is not absolute", directfspolicy.ErrInvalidRequest, sm.Destination)
	}
	m := directfspolicy.Mount{Destination: path.Clean(sm.Destination), Cache: mt.o.MountCache}
	// The engine reads an EROFS image itself, whatever the options say.
	bind := sm.Source != "" && sm.Type != "erofs" && (sm.Type == "bind" || hasBindOption(sm.Options))
	said, err := optionHints(m.Destination, sm.Options, bind)
	if err != nil {
		return m, err
	}
	source := absolute(sm.Source, mt.o.Bundle)
	if hs, ok := mt.bySource[path.Clean(source)]; ok && source != "" {
		mt.matched[path.Clean(source)] = true
		said.access = append(slices.Clone(hs.access), said.access...)
		said.cache = append(slices.Clone(hs.cache), said.cache...)
	}
	m.Hints, m.CacheHints = said.access, said.cache
	if !bind {
		return m, nil
	}
	eh, ok := mt.engine[source]
	if ok {
		m.Cache = eh.cache()
	}
	readOnly := slices.Contains(sm.Options, "ro")
	// A mount that is local to the sandbox gets an overlay in any case.
	m.Overlay = ok && eh.share != "shared" || mt.o.MountOverlay && !readOnly
	m.ReadOnly = !mt.o.SpecialFiles && (m.Overlay || readOnly)
	if !eh.tmpfs {
		m.Backend, m.BackendName = mt.o.backend(mt.spec, sm)
		m.Source = mt.o.files(sm.Source)
	}
	return m, nil
}

// absolute returns the source of a mount as it is compared with a hint's.
func absolute(source, bundle string) string {
	if source == "" || path.IsAbs(source) || bundle == "" {
		return source
	}
	return path.Join(bundle, source)
}
