package directfspolicy

import "fmt"

// because is the Why of a decision that the hint made.
func (h Hint) because(r Reason) (Why, error) {
	return Why{Reason: r, Key: h.Key, PodWide: h.PodWide}, nil
}

// refuse is the refusal of a hint that cannot be honoured.
func (h Hint) refuse(m *Mount, why error, fix string, allowed ...string) (Why, error) {
	return Why{}, &HintError{Key: h.Key, Value: string(h.Setting), Mount: m.Destination, Allowed: allowed, Fix: fix, Err: why}
}

// decideAccess is the table in the package comment.
func decideAccess(flag bool, m *Mount, h Hint) (Why, error) {
	switch {
	case !m.Backend.Served() && h.Setting == On:
		return h.refuse(m, ErrNotGoferMount, "remove the hint: the mount lives in the sandbox and has no host directory", "off", "false", "default")
	case !m.Backend.Served():
		return Why{Reason: BecauseNotGofer}, nil
	case h.Setting == Off:
		return h.because(BecauseHintOff)
	case h.Setting == On && !m.Backend.CanDonate():
		return h.refuse(m, ErrCannotDonate, fmt.Sprintf("remove the hint: %s serves this mount over LisaFS only", m.backendName()), "off", "false", "default")
	case h.Setting == On:
		return h.because(BecauseHintOn)
	case !flag:
		return Why{Reason: BecauseFlagOff}, nil
	case !m.Backend.CanDonate():
		return Why{Reason: BecauseCannotDonate, Backend: m.backendName()}, nil
	}
	return Why{Reason: BecauseFlagOn}, nil
}

// decideCache is the second table in the package comment.
func decideCache(_ bool, m *Mount, h Hint) (Why, error) {
	switch asked := h.Setting == Shared || h.Setting == Exclusive; {
	case asked && !m.Backend.Served():
		return h.refuse(m, ErrNotGoferMount, "remove the hint: the mount lives in the sandbox, which alone has its files", "default")
	case h.Setting == Shared && m.Overlay:
		return h.refuse(m, ErrOverlay, "remove the hint, or the overlay", "exclusive", "default")
	case h.Setting == Shared:
		return h.because(BecauseHintShared)
	case h.Setting == Exclusive:
		return h.because(BecauseHintExclusive)
	case m.Cache == CacheExclusive:
		return Why{Reason: BecauseDefaultExclusive}, nil
	}
	return Why{Reason: BecauseDefaultShared}, nil
}

// backendName names the backend for people.
func (m *Mount) backendName() string {
	if m.BackendName != "" {
		return fmt.Sprintf("backend %q", m.BackendName)
	}
	return m.Backend.String()
}
