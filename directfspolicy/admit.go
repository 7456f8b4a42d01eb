package directfspolicy

import (
	"fmt"
	"strings"
)

// AnnotationPrefix starts the keys of hints that a pod can carry. A hint made
// elsewhere, such as a mount option, is not visible when a pod's sandbox
// starts.
const AnnotationPrefix = "dev.gvisor.spec."

// admitFix says how to get a sandbox that is raised for the decision.
func admitFix(d Decision) string {
	switch {
	case d.Reason == BecauseFlagOn:
		return "create the pod's sandbox with --directfs=true as well, or set the mount's hint to off"
	case strings.HasPrefix(d.Detail, AnnotationPrefix):
		return fmt.Sprintf("add the annotation %s=on to the pod, so that its sandbox starts with them, or set the hint to off", d.Detail)
	}
	return fmt.Sprintf("add the annotation %smount.<NAME>.directfs=on (and .source) for this mount to the pod, so that its sandbox starts with them, or set the hint to off", AnnotationPrefix)
}
