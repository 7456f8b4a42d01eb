package directfspolicy

import "errors"

// Admit reports whether the container that c plans for fits in the running
// sandbox whose first container p was planned for. A sandbox cannot be raised
// after it started, so a container that needs more than its sandbox has is
// refused, with an *AdmitError for each mount that does not fit.
func (p Plan) Admit(c Plan) error {
	if p.scope != PodSandbox || c.scope != PodMember {
		return &AdmitError{Sandbox: p.scope, Container: c.scope, Err: ErrNotAPod}
	}
	s := p.Sandbox()
	var errs []error
	for _, d := range c.decisions {
		switch {
		case d.Access != DirectFS || s.WritesHost:
		case !s.Raised:
			errs = append(errs, &AdmitError{Sandbox: p.scope, Container: c.scope, Mount: d.Mount, Why: d.WhyAccess, Err: ErrSandboxNotRaised})
		case !d.ReadOnly:
			errs = append(errs, &AdmitError{Sandbox: p.scope, Container: c.scope, Mount: d.Mount, Why: d.WhyAccess, Err: ErrSandboxReadOnly})
		}
	}
	return errors.Join(errs...)
}
