package policycmd

import (
	"fmt"
	"slices"

	"github.com/directfs/runsc/pkg/kubepolicy"
	"github.com/directfs/runsc/pkg/ociconfig"
	"github.com/directfs/runsc/runsc/internal/engine"
	"gvisor.dev/gvisor/runsc/config"
)

// PodChecker says what becomes of pods under a runtime with the flags of conf.
// Several goroutines may use it at once.
type PodChecker struct {
	conf   *config.Config
	gofers map[string]ociconfig.GoferFunc
}

// NewPodChecker returns a PodChecker that asks those gofers.
func NewPodChecker(conf *config.Config, gofers map[string]ociconfig.GoferFunc) *PodChecker {
	return &PodChecker{conf, gofers}
}

// Check is kubepolicy.Problems, with what the engine refuses before.
func (c *PodChecker) Check(pod kubepolicy.Pod) []kubepolicy.Finding {
	found, o := c.engine(pod)
	return append(found, kubepolicy.Problems(pod, o)...)
}

// CheckAndNote is Check with notes.
func (c *PodChecker) CheckAndNote(pod kubepolicy.Pod) []kubepolicy.Finding {
	found, o := c.engine(pod)
	return append(found, kubepolicy.Check(pod, o)...)
}

// CheckUpdate is kubepolicy.CheckUpdate, with what the engine refuses anew.
func (c *PodChecker) CheckUpdate(before, after kubepolicy.Pod) []kubepolicy.Finding {
	old, _ := c.engine(before)
	found, o := c.engine(after)
	found = slices.DeleteFunc(found, func(f kubepolicy.Finding) bool { return slices.Contains(old, f) })
	return append(found, kubepolicy.CheckUpdate(before, after, o)...)
}

// engine lists what the engine refuses in a pod's annotations, and returns the
// options that they leave.
func (c *PodChecker) engine(pod kubepolicy.Pod) (found []kubepolicy.Finding, o ociconfig.Options) {
	own := *c.conf
	for _, err := range engineRefuses(&own, pod.Spec()) {
		found = append(found, kubepolicy.Finding{Level: kubepolicy.Refused, Text: fmt.Sprintf("pod: %v", err)})
	}
	o = engine.Options(&own, nil)
	o.Gofers = c.gofers
	// The pod's paths and devices are those of its node.
	o.Sources, o.HostDevices, o.Layers = nil, nil, nil
	return found, o
}
