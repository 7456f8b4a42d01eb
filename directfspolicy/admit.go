package directfspolicy

import "errors"

// Admit reports whether the container that c plans for fits in the running
// sandbox whose first container p was planned for. A sandbox cannot be raised
// after it started, so a container that needs more than its sandbox has is
// refused, with an *AdmitError for each mount that does not fit.
func (p Plan) Admit(c Plan) error {
	if p.container.Scope != PodSandbox || c.container.Scope != PodMember {
		return &AdmitError{Sandbox: p.container.Scope, Container: c.container.Scope, Err: errNotAPod}
	}
	s := p.Sandbox()
	var errs []error
	for _, d := range c.decisions {
		switch {
		case d.Access != DirectFS || s.WritesHost:
		case !s.Raised:
			errs = append(errs, &AdmitError{Sandbox: p.container.Scope, Container: c.container.Scope, Mount: d.Mount, Why: d.WhyAccess, Err: ErrSandboxNotRaised})
		case !d.ReadOnly:
			errs = append(errs, &AdmitError{Sandbox: p.container.Scope, Container: c.container.Scope, Mount: d.Mount, Why: d.WhyAccess, Err: errNotRaisedToWrite})
		}
	}
	return errors.Join(errs...)
}
