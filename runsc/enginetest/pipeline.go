package enginetest

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"slices"

	"github.com/directfs/runsc/directfspolicy"
	"github.com/directfs/runsc/pkg/ociconfig"
	"github.com/directfs/runsc/runsc/internal/engine"
	specs "github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"
	"gvisor.dev/gvisor/pkg/sentry/fsimpl/gofer"
	"gvisor.dev/gvisor/runsc/config"
	"gvisor.dev/gvisor/runsc/specutils"
)

// Bundle is the directory that relative sources are relative to.
const Bundle = "/bundle"

// ErrRefused wraps an error of this project's: the container is refused before
// anything is started.
var ErrRefused = errors.New("refused")

// ReadSpec reads a spec with the engine's own reader and checks.
func ReadSpec(raw []byte) (*specs.Spec, error) {
	fd, err := unix.MemfdCreate("spec", unix.MFD_CLOEXEC)
	if err != nil {
		return nil, err
	}
	f := os.NewFile(uintptr(fd), "spec")
	defer f.Close()
	if _, err := f.Write(raw); err != nil {
		return nil, err
	}
	return specutils.ReadSpecFromFile(Bundle, f, &config.Config{})
}

// Pod is a sandbox with its first container.
type Pod struct {
	Plan    directfspolicy.Plan
	Stored  *specs.Spec // what the client keeps of the first container
	Hidden  *specs.Spec // the same, as the engine sees it
	Lowered []byte      // the spec that the sandbox process reads
}

// First takes the first container of a sandbox through the client, the gofer
// and the sandbox process, as the runtime does but without starting any of
// them, and returns what the engine then does with its mounts.
func First(raw []byte, conf config.Config) (*Pod, Container, error) {
	spec, err := ReadSpec(raw)
	if err != nil {
		return nil, Container{}, err
	}
	if err := engine.CheckBundle(spec); err != nil {
		return nil, Container{}, fmt.Errorf("%w: %w", ErrRefused, err)
	}
	plan, err := ociconfig.Plan(spec, optionsOf(&conf, nil))
	if err != nil {
		return nil, Container{}, fmt.Errorf("%w: %w", ErrRefused, err)
	}
	stored := *spec
	engine.HideHints(spec)
	engine.ConfigureCreate(&conf, plan)
	pod := &Pod{Plan: plan, Stored: &stored, Hidden: spec}
	confs, err := GoferConfs(spec, spec, conf.GetOverlay2())
	if err != nil {
		return pod, Container{}, err
	}
	message, err := serve(raw, confs, plan, engine.FirstMessage)
	if err != nil {
		return pod, Container{}, err
	}
	list, err := pod.boot(raw, message, &conf)
	if err != nil {
		return pod, Container{}, err
	}
	got, err := pod.read(Sandbox{Mounts: list, Confs: confs, Conf: &conf}, pod.Lowered)
	return pod, got, err
}

// serve is the part of the gofer that decides what the sandbox is told. It
// reads the bundle's own spec.
func serve(raw []byte, confs []specutils.GoferMountConf, plan directfspolicy.Plan, message func([]specs.Mount, []engine.Pair, directfspolicy.Plan) ([]byte, error)) ([]byte, error) {
	spec, err := ReadSpec(raw)
	if err != nil {
		return nil, err
	}
	pairs, err := engine.PairMounts(spec.Mounts, confs, plan)
	if err != nil {
		return nil, err
	}
	return message(spec.Mounts, pairs, plan)
}

// boot is what the sandbox process does with what it is given, twice, as it
// may execute itself again.
func (pod *Pod) boot(raw, message []byte, conf *config.Config) (mounts []specs.Mount, err error) {
	raised := conf.DirectFS
	plan, list, wrapped, err := engine.Unwrap(message)
	if err != nil || !wrapped || plan.Sandbox().Raised != raised {
		return nil, fmt.Errorf("first pass: wrapped=%t raised=%t, want %t: %w", wrapped, plan.Sandbox().Raised, raised, err)
	}
	if pod.Lowered, _, err = engine.LowerSpec(raw, plan); err != nil {
		return nil, err
	}
	none, again, wrapped, err := engine.Unwrap(list)
	if err != nil || wrapped || !bytes.Equal(list, again) {
		return nil, fmt.Errorf("second pass: wrapped=%t, %s became %s: %w", wrapped, list, again, err)
	}
	twice, rootfs, err := engine.LowerSpec(pod.Lowered, none)
	if err != nil || !bytes.Equal(twice, pod.Lowered) {
		return nil, fmt.Errorf("second pass: %s became %s: %w", pod.Lowered, twice, err)
	}
	engine.ConfigureBoot(conf, rootfs)
	return mounts, json.Unmarshal(list, &mounts)
}

func (pod *Pod) read(s Sandbox, spec []byte) (Container, error) {
	var err error
	if s.Spec == nil {
		if s.Spec, err = ReadSpec(spec); err != nil {
			return Container{}, err
		}
	}
	s.Hints = pod.Lowered
	s.Accepts = gofer.SupportedMountOptions
	return s.Read()
}

// Join is First for a container that joins the pod.
func (pod *Pod) Join(raw []byte, conf config.Config) (directfspolicy.Plan, Container, error) {
	spec, err := ReadSpec(raw)
	if err != nil {
		return directfspolicy.Plan{}, Container{}, err
	}
	first, err := engine.StoredPodSpec(pod.Stored)
	if err != nil {
		return directfspolicy.Plan{}, Container{}, err
	}
	plan, err := ociconfig.Plan(spec, optionsOf(&conf, first))
	if err == nil {
		err = ociconfig.Admit(pod.Plan, plan)
	}
	if err != nil {
		return plan, Container{}, fmt.Errorf("%w: %w", ErrRefused, err)
	}
	engine.HideOptions(spec)
	if _, err := engine.LowerMember(&conf, spec, plan); err != nil {
		return plan, Container{}, err
	}
	confs, err := GoferConfs(spec, pod.Hidden, conf.GetOverlay2())
	if err != nil {
		return plan, Container{}, err
	}
	message, err := serve(raw, confs, plan, engine.JoiningMessage)
	if err != nil {
		return plan, Container{}, err
	}
	got, err := pod.start(spec, plan, message, confs, conf)
	return plan, got, err
}

// start is the client's part of starting a joining container: it puts the
// gofer's list in the spec that it sends to the sandbox, and restores it.
func (pod *Pod) start(spec *specs.Spec, plan directfspolicy.Plan, message []byte, confs []specutils.GoferMountConf, conf config.Config) (Container, error) {
	engine.ConfigureStart(&conf, plan)
	before := slices.Clone(spec.Mounts)
	spec.Mounts = nil
	if err := json.Unmarshal(message, &spec.Mounts); err != nil {
		return Container{}, err
	}
	got, err := pod.read(Sandbox{Spec: spec, Mounts: spec.Mounts, Confs: confs, Conf: &conf}, nil)
	if err != nil {
		return got, err
	}
	engine.RestoreSources(spec.Mounts, before)
	for i, m := range spec.Mounts {
		if m.Source != before[i].Source || !slices.Equal(m.Options, before[i].Options) {
			return got, fmt.Errorf("mount %d was %+v and is restored as %+v", i, before[i], m)
		}
	}
	return got, nil
}
