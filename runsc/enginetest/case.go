package enginetest

import (
	"errors"
	"fmt"
	"reflect"

	"github.com/directfs/runsc/directfspolicy"
	"github.com/directfs/runsc/pkg/ociconfig"
	specs "github.com/opencontainers/runtime-spec/specs-go"
	"gvisor.dev/gvisor/runsc/boot"
	"gvisor.dev/gvisor/runsc/specutils"
)

// MountHints is the engine's parser, asked so often that what it refuses by
// chance is refused here.
func MountHints(spec *specs.Spec) (hints *boot.PodMountHints, err error) {
	for range 20 {
		if hints, err = boot.NewPodMountHints(spec); err != nil {
			return nil, err
		}
	}
	return hints, nil
}

// Specs reads the case's specs with the engine's reader. pod is spec itself
// where the container joins none.
func (c Case) Specs() (spec, pod *specs.Spec, err error) {
	if spec, err = ReadSpec(c.Raw); err != nil {
		return nil, nil, err
	}
	if c.Pod == nil {
		return spec, spec, nil
	}
	pod, err = ReadSpec(c.Pod)
	return spec, pod, err
}

// Plan resolves the case without looking at the engine's parsers.
func (c Case) Plan() (directfspolicy.Plan, error) {
	spec, pod, err := c.Specs()
	if err != nil {
		return directfspolicy.Plan{}, err
	}
	if c.Pod == nil {
		return ociconfig.Plan(spec, optionsOf(&c.Conf, nil))
	}
	first, err := ociconfig.Plan(pod, optionsOf(&c.Conf, nil))
	if err != nil {
		return directfspolicy.Plan{}, err
	}
	p, err := ociconfig.Plan(spec, optionsOf(&c.Conf, pod))
	if err != nil {
		return directfspolicy.Plan{}, err
	}
	return p, ociconfig.Admit(first, p)
}

// ReadBack takes the case through the runtime and fails if the engine does
// anything else than the Plan says. A refusal is fine.
func (c Case) ReadBack() error {
	err := c.readBack()
	if err == nil || errors.Is(err, ErrRefused) || c.EngineRefuses() {
		return nil
	}
	return fmt.Errorf("%w\nspec: %s\npod: %s\nconf: %+v", err, c.Raw, c.Pod, c.Conf)
}

func (c Case) readBack() error {
	raw := c.Raw
	if c.Pod != nil {
		raw = c.Pod
	}
	pod, got, err := First(raw, c.Conf)
	if err != nil {
		return err
	}
	if want := Planned(pod.Plan); !reflect.DeepEqual(got, want) {
		return fmt.Errorf("first container: the engine does %v, the plan says %v", got, want)
	}
	if c.Pod == nil {
		return nil
	}
	plan, got, err := pod.Join(c.Raw, c.Conf)
	if err != nil {
		return err
	}
	if want := Planned(plan); !reflect.DeepEqual(got, want) {
		return fmt.Errorf("joining container: the engine does %v, the plan says %v", got, want)
	}
	return nil
}

// EngineRefuses reports whether the engine would refuse the specs if there
// were no directfs hints in them at all.
func (c Case) EngineRefuses() bool {
	spec, pod, err := c.Specs()
	if err != nil {
		return true
	}
	for _, s := range []*specs.Spec{spec, pod} {
		bare := *s
		bare.Annotations = ociconfig.StripAnnotations(s.Annotations)
		if _, err := boot.NewRootfsHint(&bare); err != nil {
			return true
		}
		if _, err := MountHints(&bare); err != nil {
			return true
		}
		for _, m := range bare.Mounts {
			if _, _, err := consumeMountOptions(m.Options); err != nil || confusedErofs(m) {
				return true
			}
		}
	}
	return false
}

// confusedErofs is an EROFS mount that the engine cannot start: its client
// cannot open an image without a source, and its sentry takes one with a bind
// option for a gofer mount.
func confusedErofs(m specs.Mount) bool {
	return specutils.IsErofsMount(m) && (m.Source == "" || specutils.IsGoferMount(m))
}
