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

// Admit reports whether the container that c plans for fits in the running
// sandbox whose first container p was planned for. A sandbox cannot be raised
// after it started, so a container that needs more than its sandbox has is
// refused with an *AdmitError that says what to add to the pod.
func (p Plan) Admit(c Plan) error {
	if p.Scope != PodSandbox || c.Scope != PodMember {
		return &AdmitError{
			Err: ErrNotAPod,
			Fix: fmt.Sprintf("only a %v container joins a sandbox, and only one of a %v: this is a %v and a %v", PodMember, PodSandbox, c.Scope, p.Scope),
		}
	}
	for _, d := range c.Decisions {
		switch {
		case d.Access != DirectFS || p.Sandbox.WritesHost:
		case !p.Sandbox.Raised:
			return &AdmitError{Mount: d.Mount, Cause: d.Why(), Err: ErrSandboxNotRaised, Fix: admitFix(d)}
		case !d.ReadOnly:
			return &AdmitError{Mount: d.Mount, Cause: d.Why(), Err: ErrSandboxReadOnly, Fix: admitFix(d)}
		}
	}
	return nil
}
