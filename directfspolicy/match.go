package directfspolicy

import "slices"

// matcher finds the source hints that count for a mount, in a time that does
// not grow with the number of hints.
type matcher struct {
	hints []SourceHint
	at    map[place]*saidAt // a name of a hint's source -> what is said about it

	// named is the same by SourceName.
	named map[string]*saidAt
}

// saidAt are the hints for one place. Those that say the same as one before them
// change nothing, and only count as matched.
type saidAt struct {
	all, distinct []int
	matched       bool
}

func (s *saidAt) add(hints []SourceHint, i int) {
	s.all = append(s.all, i)
	h := hints[i]
	if !slices.ContainsFunc(s.distinct, func(j int) bool {
		o := hints[j]
		return o.Knob == h.Knob && o.Setting == h.Setting && o.PodWide == h.PodWide
	}) {
		s.distinct = append(s.distinct, i)
	}
}

func newMatcher(hints []SourceHint) *matcher {
	m := &matcher{hints: hints}
	if len(hints) == 0 {
		return m
	}
	m.at = make(map[place]*saidAt, 2*len(hints))
	m.named = make(map[string]*saidAt, len(hints))
	for i, h := range hints {
		if m.named[h.SourceName] == nil {
			m.named[h.SourceName] = new(saidAt)
		}
		m.named[h.SourceName].add(hints, i)
		for _, s := range h.sources() {
			ps, n := s.places()
			for _, p := range ps[:n] {
				if m.at[p] == nil {
					m.at[p] = new(saidAt)
				}
				m.at[p].add(hints, i)
			}
		}
	}
	return m
}

// count returns the mount's hints: first those for its source or a directory
// above it, in the order of the Request, then its own. What is mounted below
// its source does not make it another mount.
func (m *matcher) count(mt *Mount) []Hint {
	if len(m.hints) == 0 {
		return mt.Hints
	}
	var found []int
	for _, s := range own(mt.Sources) {
		if len(s.Path) <= maxSource { // another is refused
			found = append(found, m.of(s)...)
		}
	}
	if len(found) == 0 {
		return mt.Hints
	}
	slices.Sort(found)
	var hints []Hint
	for _, i := range slices.Compact(found) {
		hints = append(hints, m.hints[i].Hint)
	}
	return append(hints, mt.Hints...)
}

// of returns the hints for a source or a directory above it.
func (m *matcher) of(source Source) (found []int) {
	ps, n := source.places()
	for _, p := range ps[:n] {
		for ok := true; ok; p, ok = p.parent() {
			if s := m.at[p]; s != nil {
				s.matched = true
				found = append(found, s.distinct...)
			}
		}
	}
	return found
}

// countByName returns the mount's hints where one of them names a gofer: those
// whose source has the mount's name, and then its own. Otherwise it returns the
// mount's own, and false: who serves it is not decided by a name.
func (m *matcher) countByName(mt *Mount) (hints []Hint, named bool) {
	var s *saidAt
	if mt.SourceName != "" {
		s = m.named[mt.SourceName]
	}
	for _, h := range mt.Hints {
		_, own := h.GoferName()
		named = named || own
	}
	if s == nil {
		return mt.Hints, named
	}
	for _, i := range s.distinct {
		_, by := m.hints[i].GoferName()
		named = named || by
		hints = append(hints, m.hints[i].Hint)
	}
	if !named {
		return mt.Hints, false
	}
	s.matched = true
	return append(hints, mt.Hints...), true
}

// unmatched returns the hints that count for no mount and ask for something.
func (m *matcher) unmatched() []Hint {
	matched := make([]bool, len(m.hints))
	mark := func(s *saidAt) {
		for _, i := range s.all {
			matched[i] = matched[i] || s.matched
		}
	}
	for _, s := range m.at {
		mark(s)
	}
	for _, s := range m.named {
		mark(s)
	}
	var out []Hint
	for i, h := range m.hints {
		if !matched[i] && h.Setting != Unset {
			out = append(out, h.Hint)
		}
	}
	return out
}
