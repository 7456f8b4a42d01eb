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
)

// planAnnotation keeps the Plan in a container's stored spec. Annotations with
// this prefix may differ between a checkpoint and its restore
// (runsc/specutils/restore.go:154).
const planAnnotation = "dev.gvisor.internal.directfs-plan"

// hintsAnnotation keeps the hints that StorePlan takes out of the engine's
// sight, because containers that join the pod need them.
const hintsAnnotation = "dev.gvisor.internal.directfs-hints"

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
// this package may set.
func CheckBundle(spec *specs.Spec) error {
	for _, key := range []string{planAnnotation, hintsAnnotation, decisionsAnnotation, loweredAnnotation} {
		if _, ok := spec.Annotations[key]; ok {
			return fmt.Errorf("annotation %s: %w", key, ErrForgedPlan)
		}
	}
	for key := range spec.Annotations {
		if strings.HasPrefix(key, boot.MountPrefix+sentinelName) {
			return fmt.Errorf("annotation %s: %w", key, ErrForgedPlan)
		}
	}
	for _, m := range spec.Mounts {
		if isSentinel(m.Source) {
			return fmt.Errorf("mount %q: sources under %s are the runtime's own", m.Destination, sentinelPrefix)
		}
	}
	return nil
}

// StorePlan prepares the client's spec object, which the engine saves as the
// container's state: the Plan goes in, and the hints that the engine's own
// parser would refuse go out. It never writes to the bundle.
func StorePlan(spec *specs.Spec, p directfspolicy.Plan) error {
	b, err := json.Marshal(p)
	if err != nil {
		return fmt.Errorf("storing plan: %w", err)
	}
	annotations := ociconfig.StripAnnotations(spec.Annotations)
	if annotations == nil {
		annotations = map[string]string{}
	}
	hints := maps.Clone(spec.Annotations)
	maps.DeleteFunc(hints, func(key, _ string) bool { _, kept := annotations[key]; return kept })
	h, err := json.Marshal(hints)
	if err != nil {
		return fmt.Errorf("storing hints: %w", err)
	}
	annotations[planAnnotation] = string(b)
	annotations[hintsAnnotation] = string(h)
	annotations[decisionsAnnotation] = decisions(p)
	spec.Annotations = annotations
	spec.Mounts = slices.Clone(spec.Mounts)
	for i := range spec.Mounts {
		spec.Mounts[i].Options = ociconfig.StripOptions(spec.Mounts[i].Options)
	}
	return nil
}

// StoredPlan reads the Plan back from a container's stored spec. Errors are
// ErrNoPlan, or wrap directfspolicy.ErrPlanVersion or ErrInvalidPlan.
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
// hints that its user gave it.
func StoredPodSpec(stored *specs.Spec) (*specs.Spec, error) {
	pod := *stored
	pod.Annotations = maps.Clone(stored.Annotations)
	if err := json.Unmarshal([]byte(stored.Annotations[hintsAnnotation]), &pod.Annotations); err != nil {
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
