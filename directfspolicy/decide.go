package directfspolicy

import "fmt"

// because is the Why of a decision that the hint made.
func (h Hint) because(r reason) (Why, error) {
	w := Why{reason: r, key: h.Key, podWide: h.PodWide}
	if reasonTable[r].names {
		w.name = h.Setting
	}
	return w, nil
}

// refuse is the refusal of a hint that cannot be honoured.
func (h Hint) refuse(m *Mount, why error, fix string, allowed ...string) (Why, error) {
	return Why{}, &HintError{Key: h.Key, Value: string(h.Setting), Mount: m.Destination, Allowed: allowed, Fix: fix, Err: why}
}

// decideAccess is the table in the package comment.
func decideAccess(s *resolver, m *Mount, h Hint) (Why, error) {
	switch {
	case !m.Backend.served() && h.Setting == On:
		return h.refuse(m, ErrNotGoferMount, "remove the hint: the mount lives in the sandbox and has no host directory", "off", "false", "default")
	case !m.Backend.served():
		return Why{reason: becauseNotGofer}, nil
	case h.Setting == Off:
		return h.because(becauseHintOff)
	case h.Setting == On && !m.Backend.canDonate():
		return h.refuse(m, ErrCannotDonate, fmt.Sprintf("remove the hint: %s serves this mount over LisaFS only", m.backendName()), "off", "false", "default")
	case h.Setting == On:
		return h.because(becauseHintOn)
	case !s.r.Flag:
		return Why{reason: becauseFlagOff}, nil
	case !m.Backend.canDonate():
		return Why{reason: becauseCannotDonate, backend: m.BackendName}, nil
	}
	return Why{reason: becauseFlagOn}, nil
}

// decideCache is the second table in the package comment.
func decideCache(_ *resolver, m *Mount, h Hint) (Why, error) {
	switch asked := h.Setting == Shared || h.Setting == Exclusive; {
	case asked && !m.Backend.served():
		return h.refuse(m, ErrNotGoferMount, "remove the hint: the mount lives in the sandbox, which alone has its files", "default")
	case h.Setting == Shared && m.Overlay:
		return h.refuse(m, ErrOverlay, "remove the hint, or the overlay", "exclusive", "default")
	case h.Setting == Shared:
		return h.because(becauseHintShared)
	case h.Setting == Exclusive && m.Layer.isUpper():
		return h.refuse(m, ErrUpperCache, "remove the hint, or let the host make the overlay", "shared", "default")
	case h.Setting == Exclusive:
		return h.because(becauseHintExclusive)
	case m.Cache == CacheExclusive:
		return Why{reason: becauseDefaultExclusive}, nil
	}
	return Why{reason: becauseDefaultShared}, nil
}

// backendName names the backend for people.
func (m *Mount) backendName() string {
	if m.BackendName != "" {
		return fmt.Sprintf("backend %q", m.BackendName)
	}
	return m.Backend.String()
}
