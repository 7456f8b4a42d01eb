package directfspolicy

import (
	"fmt"
	"slices"
)

// Resolve decides every mount of one container and what the decisions need.
// It is pure: equal requests give equal plans, and the order of the mounts
// changes nothing but the order of the Plan's lists.
//
// On error the Plan is zero, which grants nothing. The error joins everything
// for which the request is refused; [Findings] takes it apart. Each is a
// *HintError or a *SharingError, or wraps ErrInvalidRequest where the caller,
// not a user, is at fault. Resolve does not look at a running sandbox: see
// [Plan.Admit].
func Resolve(r Request) (Plan, error) {
	if !scopeNames.knows(r.Scope) || !ceilingNames.knows(r.Ceiling) {
		return Plan{}, fmt.Errorf("%w: %v, %v", ErrInvalidRequest, r.Scope, r.Ceiling)
	}
	if r.Rootfs.Destination == "" {
		r.Rootfs.Destination = "/"
	}
	if r.Rootfs.Destination != "/" {
		return Plan{}, fmt.Errorf("%w: rootfs destination %q is not /", ErrInvalidRequest, r.Rootfs.Destination)
	}
	p := Plan{container: r.Container, decisions: make([]Decision, 0, 1+len(r.Mounts))}
	s := resolver{r: r, p: &p}
	s.source = newMatcher(s.permitted(r.SourceHints))
	s.mount(&r.Rootfs, new(matcher))
	for i := range r.Mounts {
		s.mount(&r.Mounts[i], s.source)
	}
	s.unmatched()
	if len(s.errs) == 0 {
		s.refuse(checkIdentities(p.decisions))
	}
	s.refuse(checkPromises(p.decisions, s.bySource))
	if len(s.errs) > 0 {
		return Plan{}, join(s.errs...)
	}
	return p, nil
}

// resolver collects decisions, and everything for which there is none.
type resolver struct {
	r      Request
	p      *Plan
	source *matcher
	served Mount // see servedBy
	errs   []error
}

func (s *resolver) refuse(errs ...error) {
	for _, err := range errs {
		if err != nil {
			s.errs = append(s.errs, err)
		}
	}
}

// bySource reports whether the reason is a source hint.
func (s *resolver) bySource(w Why) bool {
	return slices.ContainsFunc(s.r.SourceHints, func(h SourceHint) bool { return h.Key == w.key })
}

// permitted refuses what is wrong with a source hint wherever it counts, and
// returns the others.
func (s *resolver) permitted(hints []SourceHint) []SourceHint {
	var out []SourceHint
	for _, h := range hints {
		if err := s.check("", h.Hint); err != nil {
			s.refuse(err)
			continue
		}
		out = append(out, h)
	}
	return out
}

func (s *resolver) check(mount string, h Hint) error {
	if err := h.check(mount); err != nil {
		return err
	}
	return s.r.permit(mount, h)
}

// mount decides one mount by its own hints and those that match it.
func (s *resolver) mount(m *Mount, source *matcher) {
	if err := m.check(); err != nil {
		s.refuse(err)
		return
	}
	ok := true
	for _, h := range m.Hints {
		err := s.check(m.Destination, h)
		s.refuse(err)
		ok = ok && err == nil
	}
	if !ok {
		return
	}
	s.p.decisions = append(s.p.decisions, Decision{
		Mount: m.Destination, Union: m.Union.copied(), Layer: m.Layer.copied(), ReadOnly: m.ReadOnly, SpecialFiles: m.SpecialFiles,
	})
	s.decide(m, source, &s.p.decisions[len(s.p.decisions)-1])
}

// decide is the whole decision for one mount: first who serves it, on which the
// rest depends, and then a knob at a time.
func (s *resolver) decide(m *Mount, source *matcher, d *Decision) {
	hints, named := source.countByName(m)
	s.turn(GoferKnob.rule(), m, hints, d)
	d.implyGofer()
	d.Outside = d.ServedByVolume() && s.r.Gofers[d.Gofer].Outside
	if !named {
		hints = source.count(m)
		s.refuse(whole(m, hints[:len(hints)-len(m.Hints)]))
		if m.Backend.served() && len(m.Sources) > 0 {
			d.Sources = slices.Clone(m.Sources)
		}
	}
	m = s.servedBy(m, d.Gofer)
	for i := range rules {
		if r := &rules[i]; r.knob != GoferKnob {
			s.turn(r, m, hints, d)
		}
	}
	d.imply()
}

// turn decides one knob by those of the hints that are about it.
func (s *resolver) turn(r *rule, m *Mount, hints []Hint, d *Decision) {
	h, err := combine(r.knob, m.Destination, hints)
	if err == nil {
		*r.why(d), err = r.decide(s, m, h)
	}
	s.refuse(err)
}

// unmatched keeps or refuses the hints that matched no mount.
func (s *resolver) unmatched() {
	s.p.unmatched = s.source.unmatched()
	for _, h := range s.p.unmatched {
		s.refuse(s.registered("", h))
	}
	if s.r.Scope != Standalone {
		return
	}
	for _, h := range s.p.unmatched {
		s.refuse(h.matchesNothing())
	}
}

func (h Hint) matchesNothing() error {
	return &HintError{
		Key: h.Key, Value: string(h.Setting),
		Fix: "make its source the source of a mount or a directory above that, or remove the hint",
		Err: ErrNoMount,
	}
}
