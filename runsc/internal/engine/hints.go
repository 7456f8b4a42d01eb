package engine

import (
	"errors"
	"maps"
	"slices"
	"strings"

	"github.com/directfs/runsc/directfspolicy"
	specs "github.com/opencontainers/runtime-spec/specs-go"
	"gvisor.dev/gvisor/runsc/config"
)

// HintsFlag is --directfs-hints, the operator's ceiling, which the engine's
// configuration does not know. No annotation can set it: the engine overrides
// flags of its own configuration alone (runsc/config/flags.go:410), and refuses
// the annotation of any other.
type HintsFlag struct{ ceiling directfspolicy.Ceiling }

// Hints is the flag of this process's command line.
var Hints HintsFlag

// String implements flag.Value.String.
func (f *HintsFlag) String() string { return f.ceiling.String() }

// Get implements flag.Getter, which the engine asks of every flag.
func (f *HintsFlag) Get() any { return f.ceiling }

// Set implements flag.Value.Set. It refuses an unknown value.
func (f *HintsFlag) Set(value string) error {
	return f.ceiling.UnmarshalText([]byte(value))
}

// configBundlePrefix starts the annotations that apply a config bundle
// (runsc/specutils/specutils.go:298).
const configBundlePrefix = "dev.gvisor.bundle."

// CheckConfigBundles refuses a spec with an annotation for a config bundle that
// sets --directfs=true where a hint may not ask for it. The engine applies
// bundles without --allow-flag-override, and over flags of the command line
// (runsc/config/flags.go:464), so conf must be as it is before that. The error
// joins all that it finds, each a *directfspolicy.HintError with ErrCeiling.
func (f *HintsFlag) CheckConfigBundles(conf *config.Config, spec *specs.Spec) error {
	if f.ceiling == directfspolicy.AllHints || conf.DirectFS {
		return nil
	}
	var errs []error
	for _, key := range slices.Sorted(maps.Keys(spec.Annotations)) {
		name, ok := strings.CutPrefix(key, configBundlePrefix)
		if ok && config.Bundles[config.BundleName(name)]["directfs"] == "true" {
			errs = append(errs, &directfspolicy.HintError{
				Key: key, Value: spec.Annotations[key],
				Fix: "the config bundle sets --directfs=true, which --directfs-hints=" + f.String() + " does not let an annotation do: remove it, or ask the operator",
				Err: directfspolicy.ErrCeiling,
			})
		}
	}
	return errors.Join(errs...)
}

// PodAnnotations is the pattern by which containerd passes a pod's annotations
// for this runtime, and no others (pod_annotations of a runtime in its
// configuration).
const PodAnnotations = "dev.gvisor.*"
