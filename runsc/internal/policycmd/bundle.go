package policycmd

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"github.com/directfs/runsc/directfspolicy"
	"github.com/directfs/runsc/pkg/ociconfig"
	"github.com/directfs/runsc/runsc/internal/engine"
	"github.com/directfs/runsc/runsc/internal/layout"
	"github.com/directfs/runsc/runsc/internal/overlays"
	"github.com/directfs/runsc/runsc/internal/volumes"
	specs "github.com/opencontainers/runtime-spec/specs-go"
	"gvisor.dev/gvisor/runsc/config"
	"gvisor.dev/gvisor/runsc/flag"
	"gvisor.dev/gvisor/runsc/specutils"
)

// bundleFlags are the options that name a container.
type bundleFlags struct {
	dir string
	pod string
}

func (b *bundleFlags) set(f *flag.FlagSet) {
	f.StringVar(&b.dir, "bundle", ".", "`DIR` with the container's config.json")
	f.StringVar(&b.pod, "pod-bundle", "", "`DIR` of the pod's first container, for a container that joins its sandbox")
}

// input is a container as the policy sees it.
type input struct {
	spec *specs.Spec
	opts ociconfig.Options
	conf *config.Config

	// podOpts are the options of the pod's first container, whose spec is
	// opts.Pod, and podConf its flags. They are zero for a container that joins no sandbox.
	podOpts ociconfig.Options
	podConf *config.Config

	// refused and podRefused are why creating the two would be refused before
	// anything is decided.
	refused, podRefused []error
}

// load reads the bundle and, where there is one, the pod's. Errors that the
// caller has to fix are usageErrors; with the others, creating the container
// would be refused.
func (b bundleFlags) load(conf *config.Config) (input, error) {
	spec, own, refused, err := readBundle(b.dir, conf)
	if err != nil {
		return input{}, err
	}
	in := input{spec: spec, opts: options(own), conf: own, refused: refused}
	scope, err := ociconfig.Scope(spec)
	if err != nil {
		return input{}, err
	}
	switch member := scope == directfspolicy.PodMember; {
	case member && b.pod == "":
		return input{}, usagef("bundle %q is of a container that joins a pod's sandbox, where the hints are pod-wide; add --pod-bundle=DIR with the bundle of the pod's first container", b.dir)
	case !member && b.pod != "":
		return input{}, usagef("--pod-bundle=%q: bundle %q is of a %v container, which joins no sandbox; remove --pod-bundle", b.pod, b.dir, scope)
	case !member:
		return in, nil
	}
	pod, podConf, refused, err := readBundle(b.pod, conf)
	if err != nil {
		return input{}, err
	}
	in.opts.Pod, in.podRefused = pod, refused
	in.podOpts, in.podConf = options(podConf), podConf
	return in, nil
}

// options is what creating a container would know, but for its identifiers.
func options(conf *config.Config) ociconfig.Options {
	o := engine.Options(conf, nil)
	engine.SeeLocks(&o)
	o.Gofers = volumes.Gofers("", "")
	return o
}

// readBundle reads a bundle as creating its container would, and applies the
// flags that its annotations set to a copy of conf. refused is for what creating
// it would be refused by then.
func readBundle(dir string, conf *config.Config) (spec *specs.Spec, own *config.Config, refused []error, err error) {
	abs, err := filepath.Abs(dir)
	if err != nil {
		return nil, nil, nil, usagef("bundle %q: %w", dir, err)
	}
	// The engine's errors do not tell what cannot be read from what is not
	// allowed, so look first.
	b, err := os.ReadFile(filepath.Join(abs, "config.json"))
	if err != nil {
		var pe *fs.PathError
		if errors.As(err, &pe) {
			err = pe.Err // its path is the bundle's again
		}
		return nil, nil, nil, usagef("bundle %q: config.json: %w; give the directory that has it", dir, err)
	}
	var raw specs.Spec
	if err := json.Unmarshal(b, &raw); err != nil {
		return nil, nil, nil, usagef("bundle %q: config.json is not an OCI spec: %w", dir, err)
	}
	// The engine refuses an unknown scope too, but does not say which it is.
	if _, err := ociconfig.Scope(&raw); err != nil {
		return nil, nil, nil, fmt.Errorf("bundle %q: %w", dir, err)
	}
	spec, err = specutils.ReadSpec(abs, conf)
	if err != nil {
		return nil, nil, nil, fmt.Errorf("bundle %q: %w", dir, err)
	}
	ociconfig.FromShim(spec)
	if err := engine.NameOverlays(spec, abs); err != nil {
		return nil, nil, nil, err
	}
	own = new(config.Config)
	*own = *conf
	for _, err := range engineRefuses(own, spec) {
		refused = append(refused, fmt.Errorf("bundle %q: %w", dir, err))
	}
	return spec, own, refused, nil
}

// engineRefuses applies the annotations that set the engine's flags to conf, and
// lists those of them that it may not have, and those that nobody but the
// runtime may set.
func engineRefuses(conf *config.Config, spec *specs.Spec) (refused []error) {
	own := engine.CheckBundle(spec)
	bundles := engine.Hints.CheckConfigBundles(conf, spec) // of the flags before
	for _, err := range []error{own, bundles, engine.ApplyFlags(conf, spec)} {
		refused = append(refused, directfspolicy.Findings(err)...)
	}
	return refused
}

// outcome is what the policy makes of an input.
type outcome struct {
	plan directfspolicy.Plan

	// pod is the Plan of the pod's first container, for one that joins it.
	pod *directfspolicy.Plan
}

// resolve decides as creating the container would.
func (in input) resolve() (outcome, error) {
	plan, err := planOf(in.conf, in.spec, in.opts, in.refused)
	if err != nil {
		return outcome{}, err
	}
	out := outcome{plan: plan}
	if in.opts.Pod == nil {
		return out, nil
	}
	pod, err := planOf(in.podConf, in.opts.Pod, in.podOpts, in.podRefused)
	if err != nil {
		return outcome{}, podError(err)
	}
	if err := errors.Join(ociconfig.Admit(pod, plan), plan.Coexist("", pod, "the pod's first")); err != nil {
		return outcome{}, err
	}
	out.pod = &pod
	return out, nil
}

// planOf decides for one container. refused is why it is refused already.
func planOf(conf *config.Config, spec *specs.Spec, o ociconfig.Options, refused []error) (directfspolicy.Plan, error) {
	plan, err := ociconfig.Plan(spec, o)
	if err := errors.Join(append(slices.Clip(refused), err)...); err != nil {
		return plan, err
	}
	return plan, errors.Join(engine.CheckFirstProcess(conf, spec, plan), overlays.Check(plan), volumes.Check(plan), layout.Check(plan))
}

// podError says of each finding that it is about the pod's first container.
func podError(err error) error {
	var all []error
	for _, f := range directfspolicy.Findings(err) {
		all = append(all, fmt.Errorf("pod's first container: %w", f))
	}
	return errors.Join(all...)
}

// problems lists everything for which resolve refuses.
func (in input) problems() []error {
	_, err := in.resolve()
	all := directfspolicy.Findings(err)
	if in.opts.Pod == nil {
		return all
	}
	_, err = planOf(in.podConf, in.opts.Pod, in.podOpts, in.podRefused)
	for _, err := range directfspolicy.Findings(podError(err)) {
		// The pod's hints are the joining container's too.
		own := errors.Unwrap(err).Error()
		if !slices.ContainsFunc(all, func(e error) bool { return e.Error() == own || e.Error() == err.Error() }) {
			all = append(all, err)
		}
	}
	return all
}
