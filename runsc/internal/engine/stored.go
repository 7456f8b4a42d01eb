package engine

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/directfs/runsc/directfspolicy"
	"github.com/directfs/runsc/pkg/ociconfig"
	specs "github.com/opencontainers/runtime-spec/specs-go"
	"gvisor.dev/gvisor/runsc/boot"
	"gvisor.dev/gvisor/runsc/config"
)

// planAnnotation and hintsAnnotation kept the Plan, and the hints that the
// engine must not see, in the stored spec of containers that earlier versions
// made. Nobody writes them now: annotations are shown to everybody who asks for
// a container's state, and to its hooks.
const (
	ownPrefix       = "dev.gvisor.internal.directfs-"
	planAnnotation  = ownPrefix + "plan"
	hintsAnnotation = ownPrefix + "hints"
)

// decisionsAnnotation keeps the decisions where the engine compares them when a
// checkpoint is restored (runsc/specutils/restore.go:200). A file system that
// was saved under one access cannot be loaded under another, and the engine
// would find that out later, in words that do not name the cause.
const decisionsAnnotation = "dev.gvisor.directfs-decisions"

func decisions(p directfspolicy.Plan) string {
	var out []string
	for _, d := range p.Decisions() {
		if d.Access != directfspolicy.NoAccess {
			out = append(out, fmt.Sprintf("%s=%v,%v", d.Mount, d.Access, d.Cache))
		}
	}
	return strings.Join(out, " ")
}

// ErrNoPlan: a container's stored spec has no Plan. Another runtime made it.
var ErrNoPlan = errors.New("container has no directfs plan; it was created by another runtime or version: delete it and create it again")

// ErrForgedPlan: a bundle brings a Plan of its own.
var ErrForgedPlan = errors.New("only the runtime may set this annotation; remove it from the bundle")

// CheckBundle refuses a spec from a bundle that carries annotations which only
// this package may set. The error joins all that it finds.
func CheckBundle(spec *specs.Spec) error {
	var errs []error
	for _, key := range slices.Sorted(maps.Keys(spec.Annotations)) {
		if key == decisionsAnnotation || strings.HasPrefix(key, ownPrefix) || strings.HasPrefix(key, boot.MountPrefix+sentinelName) {
			errs = append(errs, fmt.Errorf("annotation %s: %w", key, ErrForgedPlan))
		}
	}
	for _, m := range spec.Mounts {
		if isSentinel(m.Source) {
			errs = append(errs, fmt.Errorf("mount %q: sources under %s are the runtime's own", m.Destination, sentinelPrefix))
		}
	}
	return errors.Join(errs...)
}

// HideHints takes what the engine's own parsers would refuse, or would act
// upon, out of the client's spec object: hints in annotations and in mount
// options. The engine parses annotations before it starts a container's first
// process, and shows the same map to hooks and in the container's state after
// that. show puts the user's annotations back into the map, and must be called
// in between. Nothing is written to maps and lists that the caller has.
func HideHints(spec *specs.Spec) (show func()) {
	user := spec.Annotations
	hidden := ociconfig.StripAnnotations(user)
	if hidden == nil && user != nil {
		hidden = map[string]string{}
	}
	spec.Annotations = hidden
	HideOptions(spec)
	return func() { maps.Copy(hidden, user) }
}

// HideOptions is HideHints for mount options alone. They are in no state that
// the engine shows.
func HideOptions(spec *specs.Spec) {
	spec.Mounts = slices.Clone(spec.Mounts)
	for i := range spec.Mounts {
		spec.Mounts[i].Options = ociconfig.StripOptions(spec.Mounts[i].Options)
	}
}

// LowerMember lowers the annotations of a container that joins a sandbox, for
// as long as it is started: the sandbox process gets the client's spec object.
// undo puts the user's back.
func LowerMember(conf *config.Config, spec *specs.Spec, p directfspolicy.Plan) (undo func(), err error) {
	user := spec.Annotations
	undoProcess, err := AddFirstProcess(conf, spec, p)
	if err != nil {
		return nil, err
	}
	lowered := map[string]string{decisionsAnnotation: decisions(p)}
	maps.Copy(lowered, ociconfig.StripAnnotations(user))
	delete(lowered, planAnnotation)
	delete(lowered, hintsAnnotation)
	spec.Annotations = lowered
	return func() {
		spec.Annotations = user
		undoProcess()
	}, nil
}

// IsLoweredMember reports whether a spec is what LowerMember has made of a
// container's, and nobody has put the user's back yet. Its process can be the first
// one, with all capabilities.
func IsLoweredMember(spec *specs.Spec) bool {
	_, ok := spec.Annotations[decisionsAnnotation]
	return ok
}

// StoredPlan reads the Plan from the stored spec of a container that an earlier
// version made. Errors are ErrNoPlan, or wrap directfspolicy.ErrPlanVersion or ErrInvalidPlan.
func StoredPlan(spec *specs.Spec) (directfspolicy.Plan, error) {
	v, ok := spec.Annotations[planAnnotation]
	if !ok {
		return directfspolicy.Plan{}, ErrNoPlan
	}
	var p directfspolicy.Plan
	if err := json.Unmarshal([]byte(v), &p); err != nil {
		return directfspolicy.Plan{}, fmt.Errorf("stored plan: %w", err)
	}
	return p, nil
}

// StoredPodSpec returns the stored spec of a pod's first container with the
// hints that its user gave it. They are there, unless an earlier version made
// the container.
func StoredPodSpec(stored *specs.Spec) (*specs.Spec, error) {
	hints, ok := stored.Annotations[hintsAnnotation]
	if !ok {
		return stored, nil
	}
	pod := *stored
	pod.Annotations = maps.Clone(stored.Annotations)
	if err := json.Unmarshal([]byte(hints), &pod.Annotations); err != nil {
		return nil, fmt.Errorf("stored hints: %w", err)
	}
	return &pod, nil
}

// RestoreSources gives mounts the sources that they had before JoiningMounts,
// takes the option away that it added, and reports whether anything changed.
func RestoreSources(mounts, before []specs.Mount) bool {
	changed := false
	for i := range mounts {
		m := &mounts[i]
		if options := ociconfig.StripOptions(m.Options); len(options) != len(m.Options) {
			m.Options = options
			changed = true
		}
		if i < len(before) && isSentinel(m.Source) {
			m.Source = before[i].Source
			changed = true
		}
	}
	return changed
}
