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
	hints, err := parseMountAnnotations(pod, spec.Annotations)
	if err != nil {
		return r, err
	}
	bySource, err := hints.bySource()
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
			r.Unmatched = append(r.Unmatched, bySource[source]...)
		}
	}
	return r, nil
}

// rootfs describes the container's root file system. With type=erofs the
// engine reads an image itself and no gofer serves it.
func rootfs(spec *specs.Spec, o Options) (directfspolicy.Mount, error) {
	m := directfspolicy.Mount{Destination: "/", Cache: o.RootfsCache, ReadOnly: rootfsReadOnly(spec, o)}
	if spec.Annotations[rootfsPrefix+"type"] != "erofs" {
		sm := specs.Mount{Destination: "/"}
		if spec.Root != nil {
			sm.Source = spec.Root.Path
		}
		m.Backend, m.BackendName = o.backend(spec, sm)
	}
	key := rootfsPrefix + directfsKey
	if v, ok := spec.Annotations[key]; ok {
		h, err := directfspolicy.ParseHint(key, v, "/")
		if err != nil {
			return m, err
		}
		m.Hints = append(m.Hints, h)
	}
	return m, nil
}

// rootfsReadOnly reports whether no write to the rootfs reaches the host. Any
// other rootfs annotation takes the place of --overlay2
// (runsc/container/container.go:1140).
func rootfsReadOnly(spec *specs.Spec, o Options) bool {
	if o.SpecialFiles {
		return false
	}
	if spec.Root != nil && spec.Root.Readonly {
		return true
	}
	for key := range spec.Annotations {
		if strings.HasPrefix(key, rootfsPrefix) && key != rootfsPrefix+directfsKey {
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
	bySource map[string][]directfspolicy.Hint
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
	hints, err := optionHints(m.Destination, sm.Options, bind)
	if err != nil {
		return m, err
	}
	m.Hints = hints
	source := absolute(sm.Source, mt.o.Bundle)
	if hs, ok := mt.bySource[path.Clean(source)]; ok && source != "" {
		mt.matched[path.Clean(source)] = true
		m.Hints = append(slices.Clone(hs), m.Hints...)
	}
	if !bind {
		return m, nil
	}
	eh, ok := mt.engine[source]
	if ok {
		m.Cache = eh.cache()
	}
	// A mount that is local to the sandbox gets an overlay in any case.
	local := ok && eh.share != "shared"
	m.ReadOnly = !mt.o.SpecialFiles && (local || mt.o.MountOverlay || slices.Contains(sm.Options, "ro"))
	if !eh.tmpfs {
		m.Backend, m.BackendName = mt.o.backend(mt.spec, sm)
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

// optionHints reads the directfs hints among a mount's options, and refuses
// options that could reach the gofer file system's own option string
// (pkg/sentry/fsimpl/gofer/gofer.go:113) as something else than they look.
func optionHints(destination string, options []string, bind bool) ([]directfspolicy.Hint, error) {
	var hints []directfspolicy.Hint
	for _, opt := range options {
		key, value, hasValue := strings.Cut(opt, "=")
		refuse := func(fix string) error {
			return &directfspolicy.HintError{Key: optionKey, Value: opt, Mount: destination, Fix: fix, Err: directfspolicy.ErrMountOption}
		}
		switch {
		case bind && strings.Contains(opt, ","):
			return nil, refuse("give each option an entry of its own; an option has no comma")
		case key == directfsKey && hasValue:
			h, err := directfspolicy.ParseHint(optionKey+" "+directfsKey, value, destination)
			if err != nil {
				return nil, err
			}
			hints = append(hints, h)
		case strings.EqualFold(strings.TrimSpace(key), directfsKey):
			return nil, refuse("write directfs=on, directfs=off or directfs=default")
		}
	}
	return hints, nil
}

// StripOptions returns the options without those that Request reads. What is
// left is for the engine.
func StripOptions(options []string) []string {
	return slices.DeleteFunc(slices.Clone(options), func(o string) bool {
		key, _, _ := strings.Cut(o, "=")
		return strings.EqualFold(strings.TrimSpace(key), directfsKey)
	})
}

// StripAnnotations returns the annotations without the hints that Request
// reads. What is left is for the engine, whose own parser knows fewer values.
//
// A name that only a directfs hint made worth giving goes as a whole: to the
// engine it is incomplete, and whether it drops such a name or refuses the
// container because another has the same source is left to chance
// (runsc/boot/mount_hints.go:104).
func StripAnnotations(annotations map[string]string) map[string]string {
	out := maps.Clone(annotations)
	set, err := parseMountAnnotations(annotations)
	maps.DeleteFunc(out, func(key, _ string) bool {
		rest, ok := strings.CutPrefix(key, mountPrefix)
		if !ok {
			return key == rootfsPrefix+directfsKey
		}
		name, _, _ := strings.Cut(rest, ".")
		_, hinted := set[name].fields[directfsKey]
		return strings.HasSuffix(key, "."+directfsKey) || err == nil && hinted && !set[name].complete()
	})
	return out
}

// SetRootfsHint says something about a spec's rootfs, for programs that make
// specs themselves.
func SetRootfsHint(spec *specs.Spec, value string) {
	if spec.Annotations == nil {
		spec.Annotations = map[string]string{}
	}
	spec.Annotations[rootfsPrefix+directfsKey] = value
}

// SetMountHint says something about one mount.
func SetMountHint(m *specs.Mount, value string) {
	m.Options = append(slices.Clip(m.Options), directfsKey+"="+value)
}
