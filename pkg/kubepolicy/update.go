package kubepolicy

import (
	"fmt"
	"maps"
	"slices"

	"github.com/directfs/runsc/directfspolicy"
	"github.com/directfs/runsc/pkg/ociconfig"
)

// CheckUpdate says what a change of a pod's annotations or containers brings
// about, as far as it was not so before, without notes. A pod that is not bound to a node has
// no sandbox, so Problems tells all. The sandbox of one that is bound keeps the
// annotations with which it was started, and a container that starts in it later
// has the new ones; a new sandbox, as after the node's restart, has them too.
func CheckUpdate(before, after Pod, o ociconfig.Options) []Finding {
	found := Problems(after, o)
	if _, tooMuch := after.tooMuch(); before.node != "" && !tooMuch {
		found = append(found, joinRunning(before, after, o)...)
	}
	old := map[Finding]bool{}
	for _, f := range Problems(before, o) {
		old[f] = true
	}
	return slices.DeleteFunc(found, func(f Finding) bool { return old[f] })
}

// joinRunning says what becomes of containers with new annotations in a sandbox
// with the old ones.
func joinRunning(before, after Pod, o ociconfig.Options) []Finding {
	if maps.Equal(before.annotations, after.annotations) || !before.known || !after.known {
		return nil // Problems has looked at the containers
	}
	c := newChecker(after, o)
	sandbox := before.sandboxSpec()
	running, err := ociconfig.Plan(sandbox, c.o)
	if err != nil {
		return nil // there is no such sandbox
	}
	c.containers(sandbox, running, true)
	for i := range c.findings {
		c.findings[i].Text += "; this is for a container that starts again: the pod's sandbox keeps the annotations with which it was started, so create the pod anew"
	}
	c.removed(before)
	return c.findings
}

// removed warns of hints that are gone from the annotations and not from the
// sandbox.
func (c *checker) removed(before Pod) {
	for _, name := range ociconfig.Names(before.annotations) {
		for _, k := range directfspolicy.Knobs() {
			key := ociconfig.MountKey(name, string(k))
			old, had := before.annotations[key]
			if _, has := c.pod.annotations[key]; had && !has {
				c.findings = append(c.findings, Finding{Warning, fmt.Sprintf("%s=%q: the pod's sandbox keeps the hint with which it was started, for containers that start again too; create the pod anew to be without", key, old)})
			}
		}
	}
}
